tracewright::bt! { "begin { print(pidd); }" }

fn main() {}

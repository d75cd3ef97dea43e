tracewright::bt!(path = "syntax_error.bt");

fn main() {}

tracewright::bt!(path = "type_error.bt");

fn main() {}

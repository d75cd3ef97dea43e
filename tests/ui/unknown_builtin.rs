tracewright::bt!(path = "unknown_builtin.bt");

fn main() {}

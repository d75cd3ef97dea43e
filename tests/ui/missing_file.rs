tracewright::bt!(path = "missing_file.bt");

fn main() {}

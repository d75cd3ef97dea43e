//! `bt!` at work: events with typed fields, maps as they were left, parameters that nobody gives.

use std::cell::RefCell;
use std::rc::Rc;

tracewright::bt! {
    name = typed,
    r#"begin {
        @seen["first"] = 3;
        @total = sum(5);
        printf("%d %s %s %d\n", pid, "literal", comm, (int16)-7);
        printf("%d [%s] %d\n", $1, str($2), $#);
        printf("%s %d %s\n", ("in", 1).0, getopt("limit", 10), getopt("word", "default"));
        printf("%s\n", strerror(2));
    }"#
}

#[test]
fn events_and_maps_are_typed() {
    if let Some(lack) = tracewright_tests::machine::lacks("root") {
        eprintln!("skipped: {lack}");
        return;
    }
    let events = Rc::new(RefCell::new(Vec::new()));
    let seen = Rc::clone(&events);
    let mut script = typed::Script::new().expect("the script can start");
    script.on_event(move |event| seen.borrow_mut().push(event));
    assert_eq!(script.run().expect("the script runs"), 0);

    let events = events.borrow();
    let [
        typed::Event::Printf1(values),
        typed::Event::Printf2(parameters),
        typed::Event::Printf3(options),
        typed::Event::Printf4(error),
    ] = events.as_slice()
    else {
        panic!("other events: {events:?}");
    };
    assert_eq!(values.pid, std::process::id());
    assert_eq!((values.arg2.as_str(), values.arg4), ("literal", -7));
    assert!(!values.comm.is_empty());
    // Nobody gives parameters or options to what runs inside another program.
    assert_eq!((parameters.param_1, parameters.param_2_text.as_str(), parameters.param_count), (0, "", 0));
    assert_eq!((options.arg1.as_str(), options.opt_limit, options.opt_word.as_str()), ("in", 10, "default"));
    assert_eq!(error.arg1, 2);
    let maps = script.maps();
    assert_eq!(maps.seen().expect("@seen"), [("first".to_owned(), 3)]);
    assert_eq!(maps.total().expect("@total"), 5);
}

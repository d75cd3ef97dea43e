//! Builtins and functions.

use super::body::{Body, Place};
use super::value::{Prec, Value};
use crate::program::{Builtin, Call, Expr, ProgramKind, SpecPart};
use crate::types::{Clock, Type};

/// Above this, string loops run in a callback: the verifier follows every step of a plain loop.
const PLAIN_LOOP: u32 = 1024;
/// Likewise for nested loops.
const PLAIN_SEARCH: u32 = 4096;

impl<'p> Body<'_, 'p> {
    /// A builtin that is a scalar.
    pub fn builtin(&mut self, e: &'p Expr, builtin: Builtin) -> Value {
        let text = match builtin {
            Builtin::Pid => {
                self.e.header("process.bpf.h");
                "tw_pid()"
            }
            Builtin::Tid => {
                self.e.header("process.bpf.h");
                "tw_tid()"
            }
            Builtin::InitPid => {
                return Value { text: "(__u32)(bpf_get_current_pid_tgid() >> 32)".to_string(), prec: Prec::Unary };
            }
            Builtin::InitTid => return Value::cast("__u32", &Value::atom("bpf_get_current_pid_tgid()")),
            Builtin::Uid | Builtin::UserName => {
                return Value::cast("__u32", &Value::atom("bpf_get_current_uid_gid()"));
            }
            Builtin::Gid => {
                return Value { text: "(__u32)(bpf_get_current_uid_gid() >> 32)".to_string(), prec: Prec::Unary };
            }
            Builtin::Comm => "0",
            Builtin::Cpu => "bpf_get_smp_processor_id()",
            Builtin::NumaNode => return Value::cast("__u32", &Value::atom("bpf_get_numa_node_id()")),
            Builtin::Nsecs(clock) => return self.clock(clock),
            Builtin::Elapsed => {
                self.e.rodata("const volatile __u64 tw_start_ns = 0;");
                let now = self.clock(Clock::Boot);
                return Value::binary("-", Prec::Sum, &now, &Value::atom("tw_start_ns"));
            }
            Builtin::Rand => "bpf_get_prandom_u32()",
            Builtin::CurrentTask => {
                let to = self.e.types.scalar(self.e.program, &e.ty);
                return Value::cast(&to, &Value::atom("bpf_get_current_task()"));
            }
            Builtin::CgroupId => "bpf_get_current_cgroup_id()",
            Builtin::Jiffies => "bpf_jiffies64()",
            Builtin::UserMode => {
                self.e.header("usermode.bpf.h");
                let has_registers = matches!(
                    self.program.kind,
                    ProgramKind::Kprobe
                        | ProgramKind::Kretprobe
                        | ProgramKind::Uprobe
                        | ProgramKind::Uretprobe
                        | ProgramKind::Usdt
                        | ProgramKind::PerfEvent
                        | ProgramKind::Interval
                );
                if !has_registers {
                    // The registers with which the task came into the kernel.
                    return Value::atom("tw_task_user_mode()");
                }
                let ctx = self.ctx();
                let regs = if matches!(self.program.kind, ProgramKind::PerfEvent | ProgramKind::Interval) {
                    format!("&{ctx}->regs")
                } else {
                    format!("(bpf_user_pt_regs_t *){ctx}")
                };
                return Value::atom(format!("tw_user_mode({regs})"));
            }
            Builtin::ProbeIndex => return self.probe_index(),
            Builtin::FunctionAddress => return self.function_address(),
        };
        Value::atom(text)
    }

    fn clock(&mut self, clock: Clock) -> Value {
        if let Some(map) = self.e.program.clock {
            return self.map_clock(map);
        }
        match clock {
            Clock::Boot => Value::atom("bpf_ktime_get_boot_ns()"),
            Clock::Monotonic => Value::atom("bpf_ktime_get_ns()"),
            Clock::Tai => Value::atom("bpf_ktime_get_tai_ns()"),
            Clock::SwTai => {
                self.e.rodata("const volatile __u64 tw_tai_offset = 0;");
                Value { text: "bpf_ktime_get_ns() + tw_tai_offset".to_string(), prec: Prec::Sum }
            }
        }
    }

    /// Index of the expanded probe name: the attach cookie; programs run by hand get it as their argument.
    pub fn probe_index(&mut self) -> Value {
        let ctx = self.ctx();
        let text = match self.program.kind {
            ProgramKind::Manual => format!("{ctx}[0]"),
            ProgramKind::Usdt => {
                self.e.header("usdt_args.bpf.h");
                format!("bpf_usdt_cookie({ctx})")
            }
            // Where the kernel has no cookies, the tool puts the index in the place of this call.
            _ => format!("bpf_get_attach_cookie({ctx})"),
        };
        Value::cast("__u32", &Value::atom(text))
    }

    /// Address of the probed function.
    pub fn function_address(&mut self) -> Value {
        let ctx = self.ctx();
        match self.program.kind {
            ProgramKind::Uprobe | ProgramKind::Usdt => Value::atom(format!("PT_REGS_IP({ctx})")),
            ProgramKind::PerfEvent | ProgramKind::Interval => Value::atom(format!("PT_REGS_IP(&{ctx}->regs)")),
            ProgramKind::Kprobe | ProgramKind::Kretprobe => {
                self.e.header("function_ip.bpf.h");
                Value::atom(format!("tw_function_ip({ctx})"))
            }
            _ => Value::atom(format!("bpf_get_func_ip({ctx})")),
        }
    }

    /// A function whose value is a scalar.
    pub fn call(&mut self, e: &'p Expr, call: &'p Call) -> Value {
        let to = self.e.types.scalar(self.e.program, &e.ty);
        match call {
            Call::KernelSymbol(inner) => {
                let value = self.u64_of(inner);
                if super::expr::width(&inner.ty) < 64 { Value::cast("__u64", &value) } else { value }
            }
            Call::Name(inner) => {
                let value = self.expr(inner);
                Value::cast(&to, &value)
            }
            Call::SetSpace(inner) => {
                let value = self.expr(inner);
                if inner.ty.is_scalar() && !matches!(inner.ty, Type::Pointer { .. }) {
                    return Value::cast(&to, &Value::cast("__u64", &value));
                }
                value
            }
            Call::ByteSwap(inner) => {
                let value = self.expr(inner);
                match super::expr::width(&inner.ty) {
                    8 => value,
                    bits => Value::atom(format!("__builtin_bswap{bits}({})", value.text)),
                }
            }
            Call::StrNCmp { left, right, n } => {
                let (a, a_size) = self.string_source(left);
                let (b, b_size) = self.string_source(right);
                let max = (*n).min(a_size).min(b_size);
                let function = self.equal_function(max);
                Value::unary("!", &Value::atom(format!("{function}({a}, {b}, {max})")))
            }
            Call::StrContains { haystack, needle } => {
                let position = self.search(haystack, needle);
                Value::binary(">=", Prec::Relation, &position, &Value::atom("0"))
            }
            Call::StrStr { haystack, needle } => {
                let position = self.search(haystack, needle);
                if to == "__s64" { position } else { Value::cast(&to, &position) }
            }
            Call::GlobMatch { text, pattern } => {
                self.e.header("glob.bpf.h");
                let (text, text_size) = self.string_source(text);
                let (pattern, pattern_size) = self.string_source(pattern);
                Value::atom(format!("tw_glob_match({text}, {text_size}, {pattern}, {pattern_size})"))
            }
            Call::StrLen(inner) => {
                let (text, capacity) = self.string_source(inner);
                let function = if capacity > PLAIN_LOOP {
                    self.e.header("long_strings.bpf.h");
                    "tw_long_str_len"
                } else {
                    self.e.header("strings.bpf.h");
                    "tw_str_len"
                };
                Value::atom(format!("{function}({text}, {capacity})"))
            }
            Call::MemCmp { left, right, n } => self.memory_compare(left, right, n),
            Call::SocketCookie(inner) => {
                let value = self.expr(inner);
                Value::atom(format!("bpf_get_socket_cookie((void *){})", value.at(Prec::Unary)))
            }
            Call::ParentPid(task) => {
                self.e.header("parent.bpf.h");
                let task = match task {
                    Some(task) => self.expr(task).text,
                    None => "(void *)bpf_get_current_task()".to_string(),
                };
                Value::atom(format!("tw_parent_pid({task})"))
            }
            Call::PerCpuKaddr { symbol, address, cpu } => {
                self.e.header("per_cpu.bpf.h");
                let variable = self.e.per_cpu_symbol(symbol, &e.ty);
                let address = &self.e.setting_names[address.0].clone();
                let cpu = cpu.as_ref().map(|cpu| self.expr(cpu).text);
                let call = match &cpu {
                    Some(cpu) => format!("bpf_per_cpu_ptr({variable}, {cpu})"),
                    None => format!("bpf_this_cpu_ptr({variable})"),
                };
                let cpu = cpu.as_deref().unwrap_or("bpf_get_smp_processor_id()");
                // BTF of the running kernel may be without variables: then theirs is NULL.
                let text = format!("{variable} ? tw_plain_pointer({call}) : tw_per_cpu_address({address}, {cpu})");
                Value::cast(&to, &Value { text, prec: Prec::Conditional })
            }
            Call::KernelSizeOf(name) => {
                self.e.types.use_struct(self.e.program, name);
                Value::cast(&to, &Value::atom(format!("bpf_core_type_size({})", name.0)))
            }
            Call::KernelOffsetOf { path } => {
                let members = self.path_text(path);
                let parent = path.first().map_or("void", |step| step.parent.0.as_str());
                Value::cast(&to, &Value::atom(format!("bpf_core_field_offset({parent}, {members})")))
            }
            Call::KernelFieldExists { path } => {
                let members = self.path_text(path);
                let parent = path.first().map_or("void", |step| step.parent.0.as_str());
                Value::cast(&to, &Value::atom(format!("bpf_core_field_exists({parent}, {members})")))
            }
            Call::Spec { part, inputs } => self.spec(*part, inputs),
            Call::KernelEnumValue { enumeration, enumerator, value } => {
                self.e.types.use_enumerator(enumeration, enumerator, *value);
                let of = format!("(enum {enumeration}___tw, {enumerator}___tw)");
                // A kernel without it gets the value that others have.
                let text = format!("(bpf_core_enum_value_exists{of} ? bpf_core_enum_value{of} : {value})");
                Value::cast(&to, &Value::atom(text))
            }
            Call::External { function, args } => {
                let values = args.iter().collect::<Vec<_>>();
                let texts: Vec<String> = self.operands(&values).into_iter().map(|value| value.text).collect();
                self.e.external(function, &e.ty, args);
                Value::atom(format!("{function}({})", texts.join(", ")))
            }
            Call::Support { function, args } => {
                self.e.header("support.bpf.h");
                let mut texts = Vec::new();
                for arg in args {
                    if arg.ty.is_scalar() {
                        texts.push(self.text(arg));
                    } else {
                        let place = self.place_of(arg);
                        texts.push(self.address(&place));
                        texts.push(self.size_of(&arg.ty).to_string());
                    }
                }
                Value::atom(format!("{function}({})", texts.join(", ")))
            }
            Call::WriteUser { pointer, source, length } => {
                let target = self.pointer_text(pointer);
                let place = self.place_of(source);
                let (src, size) = (self.address(&place), self.size_of(&source.ty));
                let limit = self.limit(Some(length), size, &size.to_string());
                let result = self.fresh("written");
                let write = format!("bpf_probe_write_user((void *)({target}), {src}, {limit});");
                if super::expr::fold(length).is_some() {
                    self.line(format!("long {result} = {write}"));
                } else {
                    // The kernel refuses programs that may write nothing.
                    self.line(format!("long {result} = -1;"));
                    self.line(format!("barrier_var({limit});"));
                    self.line(format!("if ((__s64){limit} > 0)"));
                    self.line(format!("\t{result} = {write}"));
                }
                Value::binary("==", Prec::Equality, &Value::atom(result), &Value::atom("0"))
            }
            Call::SkbOutput { action, skb, len, offset } => self.skb_output(*action, skb, len, offset),
            _ => {
                // A value in memory where a scalar is wanted: its place.
                let place = self.temp(&e.ty, "value");
                self.call_into(&place, e, call);
                Value::atom(place.text)
            }
        }
    }

    /// What the parameter that names the probe says.
    fn spec(&mut self, part: SpecPart, inputs: &'p [Expr]) -> Value {
        self.e.header("spec.bpf.h");
        if let SpecPart::IsText(n) = part {
            return Value::atom(format!("tw_spec_is_text({n})"));
        }
        let mut name = "inputs".to_owned();
        if self.spec_inputs.is_none() || self.in_callback > 0 {
            let values = inputs.iter().collect::<Vec<_>>();
            let texts: Vec<String> = self.operands(&values).into_iter().map(|value| value.text).collect();
            let texts = texts.join(", ");
            if self.in_callback > 0 {
                // What stands at the program's top is out of a callback's reach.
                name = self.fresh("inputs");
                self.line(format!("const struct tw_spec_inputs {name} = {{ {{ {texts} }} }};"));
            } else {
                self.spec_inputs = Some(texts);
            }
        }
        Value::atom(match part {
            SpecPart::Enter => format!("tw_spec_enter(&{name})"),
            SpecPart::Number(n) => format!("tw_spec_value({}, &{name}, {n})", self.ctx()),
            SpecPart::Holds | SpecPart::IsText(_) => format!("tw_spec_holds({}, &{name})", self.ctx()),
        })
    }

    /// The comparison that suits the strings' size.
    pub fn equal_function(&mut self, max: u32) -> &'static str {
        if max > PLAIN_LOOP {
            self.e.header("long_strings.bpf.h");
            "tw_long_str_equal"
        } else {
            self.e.header("strings.bpf.h");
            "tw_str_equal"
        }
    }

    fn search(&mut self, haystack: &'p Expr, needle: &'p Expr) -> Value {
        let (a, a_size) = self.string_source(haystack);
        let (b, b_size) = self.string_source(needle);
        // What is longer than the haystack cannot be in it, whatever comes after.
        let b_size = b_size.min(a_size.saturating_add(1));
        if b.starts_with('"') && a_size <= PLAIN_LOOP && (2..=65).contains(&b_size) {
            self.e.header("strings.bpf.h");
            return Value::atom(format!("tw_str_search({a}, {a_size}, {b}, {})", b_size - 1));
        }
        let function = if a_size.saturating_mul(b_size) > PLAIN_SEARCH {
            self.e.header("long_strings.bpf.h");
            "tw_long_str_find"
        } else {
            self.e.header("strings.bpf.h");
            "tw_str_find"
        };
        Value::atom(format!("{function}({a}, {a_size}, {b}, {b_size})"))
    }

    fn memory_compare(&mut self, left: &'p Expr, right: &'p Expr, n: &'p Expr) -> Value {
        self.e.header("strings.bpf.h");
        let constant = super::expr::fold(n).and_then(|n| u32::try_from(n).ok());
        let mut max = constant.unwrap_or(64);
        for side in [left, right] {
            if !side.ty.is_scalar() {
                max = max.min(self.size_of(&side.ty));
            }
        }
        let a = self.memory(left, max);
        let b = self.memory(right, max);
        match constant {
            Some(n) => Value::atom(format!("tw_memory_compare({a}, {b}, {n}, {max})")),
            None => {
                let limit = self.text(n);
                Value::atom(format!("tw_memory_compare({a}, {b}, {limit}, {max})"))
            }
        }
    }

    /// Bytes that an operand of `memcmp` means, in our own memory.
    fn memory(&mut self, e: &'p Expr, size: u32) -> String {
        if !e.ty.is_scalar() {
            let place = self.place_of(e);
            return self.address(&place);
        }
        if !matches!(e.ty, Type::Pointer { .. }) {
            // A number's own bytes.
            let value = self.expr(e);
            let name = self.fresh("number");
            self.line(format!("__u64 {name}[{}] = {{ {} }};", size.div_ceil(8).max(1), value.text));
            return name;
        }
        let ty = Type::Array { of: Box::new(Type::Int(crate::types::IntType::U8)), len: size };
        let place = self.temp(&ty, "bytes");
        let source = self.text(e);
        self.read_into(&place, e, &source, e);
        place.text
    }

    /// A function whose value lies in memory.
    pub fn call_into(&mut self, to: &Place, e: &'p Expr, call: &'p Call) {
        match call {
            Call::Str { pointer, len } => self.str_into(to, e, pointer, len.as_deref()),
            Call::SettingStr { setting, offset } => {
                let source = self.setting_text(*setting);
                self.zero(to);
                let (dst, size) = (self.address(to), self.size_text(to));
                let source = if *offset == 0 { source } else { format!("{source} + {offset}") };
                self.line(format!("bpf_probe_read_kernel_str({dst}, {size}, {source});"));
            }
            Call::Buf { pointer, len } => self.buf_into(to, e, pointer, len.as_deref()),
            Call::BufOf(inner) => {
                let from = self.place_of(inner);
                let size = match e.ty {
                    Type::Buffer { capacity } => self.size_of(&inner.ty).min(capacity),
                    _ => self.size_of(&inner.ty),
                };
                let src = self.address(&from);
                self.zero(to);
                self.line(format!("{}.len = {size};", to.text));
                self.line(format!("bpf_probe_read_kernel({}.data, {size}, {src});", to.text));
            }
            Call::Stack(stack) => self.stack_into(to, e, *stack),
            Call::UserSymbol(inner) => {
                let value = self.u64_of(inner);
                self.user_symbol(to, &value);
            }
            Call::Ntop { family, address } => self.inet_into(to, family.as_deref(), address),
            Call::MacAddress(inner) => {
                let dst = self.address(to);
                if inner.ty.is_scalar() {
                    let source = self.text(inner);
                    let helper = self.read_helper(inner);
                    self.line(format!("{helper}({dst}, 6, {source});"));
                } else {
                    let from = self.place_of(inner);
                    let src = self.address(&from);
                    self.line(format!("__builtin_memcpy({dst}, {src}, 6);"));
                }
            }
            Call::Strftime { format, clock, nsecs } => {
                let value = self.expr(nsecs);
                self.line(format!("{}.nsecs = {};", to.text, value.text));
                self.line(format!("{}.format = {};", to.text, format.0));
                self.line(format!("{}.clock = {};", to.text, *clock as u32));
            }
            Call::CgroupPath { id, filter } => {
                let value = self.expr(id);
                self.line(format!("{}.id = {};", to.text, value.text));
                let filter = filter.map_or("~0ULL".to_string(), |id| id.0.to_string());
                self.line(format!("{}.filter = {filter};", to.text));
            }
            Call::StrConcat(left, right) => self.concat_into(to, left, right),
            Call::Path { pointer, .. } => {
                let source = self.text(pointer);
                self.zero(to);
                let (dst, size) = (self.address(to), self.size_text(to));
                self.checked("d_path", e, format!("bpf_d_path({source}, {dst}, {size})"));
            }
            Call::CommOf(pid) => {
                self.e.header("comm.bpf.h");
                let value = self.expr(pid);
                self.zero(to);
                let (dst, size) = (self.address(to), self.size_text(to));
                self.line(format!("tw_comm_of({dst}, {size}, {});", value.text));
            }
            Call::Stats { map, key } => self.stats_into(to, *map, key.as_deref()),
            Call::NameText(inner) => {
                let (header, function) = match inner.ty {
                    Type::ErrorName => ("error_names.bpf.h", "tw_error_name"),
                    Type::SignalName => ("signal_names.bpf.h", "tw_signal_name"),
                    _ => ("syscall_names.bpf.h", "tw_syscall_name"),
                };
                self.e.header(header);
                let value = self.expr(inner);
                let dst = self.address(to);
                self.line(format!("{function}({dst}, {});", value.text));
            }
            Call::SetSpace(inner) => self.store(to, inner),
            _ => self.zero(to),
        }
    }

    fn str_into(&mut self, to: &Place, e: &'p Expr, pointer: &'p Expr, len: Option<&'p Expr>) {
        let capacity = self.size_of(&to.ty);
        let source = self.pointer_text(pointer);
        let limit = self.limit(len, capacity, &self.size_text(to));
        self.zero(to);
        let dst = self.address(to);
        let helper = self.read_str_helper(pointer);
        let check = self.read_check(pointer, "_str", e);
        self.line(format!("tw_check({check}, {helper}({dst}, {limit}, {source}));"));
    }

    /// Text of something that is an address: pointers, arrays, numbers.
    pub fn pointer_text(&mut self, e: &'p Expr) -> String {
        if !e.ty.is_scalar() {
            let place = self.place_of(e);
            return self.address(&place);
        }
        let value = self.expr(e);
        if matches!(e.ty, Type::Pointer { .. }) {
            return value.text;
        }
        Value::cast("void *", &Value::cast("__u64", &value)).text
    }

    /// A run-time limit that the verifier can bound.
    pub fn limit(&mut self, len: Option<&'p Expr>, capacity: u32, whole: &str) -> String {
        let Some(len) = len else { return whole.to_string() };
        if let Some(n) = super::expr::fold(len) {
            let n = u32::try_from(n).unwrap_or(capacity);
            return if n >= capacity { whole.to_string() } else { n.to_string() };
        }
        let value = self.expr(len);
        let name = self.fresh("limit");
        self.line(format!("__u64 {name} = {};", value.text));
        self.line(format!("if ({name} > {capacity})"));
        self.line(format!("\t{name} = {capacity};"));
        name
    }

    fn buf_into(&mut self, to: &Place, e: &'p Expr, pointer: &'p Expr, len: Option<&'p Expr>) {
        let Type::Buffer { capacity } = to.ty else { return };
        let source = self.pointer_text(pointer);
        let limit = self.limit(len, capacity, &capacity.to_string());
        self.zero(to);
        self.line(format!("{}.len = {limit};", to.text));
        let helper = self.read_helper(pointer);
        let check = self.read_check(pointer, "", e);
        self.line(format!("tw_check({check}, {helper}({}.data, {limit}, {source}));", to.text));
    }

    fn stack_into(&mut self, to: &Place, e: &Expr, stack: crate::types::StackType) {
        self.e.header("stacks.bpf.h");
        let limit = stack.words(matches!(e.ty, Type::UserStack(_)));
        if limit == 0 {
            return self.zero(to);
        }
        self.e.stack_limits.insert(limit);
        let ips = match self.stack_room.iter().find(|(known, _)| *known == limit) {
            Some((_, text)) => text.clone(),
            None => {
                let text = self.scratch_member(|name| format!("__u64 {name}[{limit}]"), "ips");
                self.stack_room.push((limit, text.clone()));
                text
            }
        };
        self.uses_scratch = true;
        let ctx = self.ctx();
        let flags = if matches!(e.ty, Type::UserStack(_)) { "BPF_F_USER_STACK" } else { "0" };
        let dst = self.address(to);
        if limit != stack.limit {
            return self.line(format!("tw_take_build_ids({ctx}, &tw_stacks_{limit}, {dst}, {ips}, {limit});"));
        }
        if stack.dwarf {
            self.e.header("unwind.bpf.h");
            return self.line(format!("tw_take_unwound_stack({ctx}, &tw_stacks_{limit}, {dst}, {ips}, {limit});"));
        }
        self.line(format!("tw_take_stack({ctx}, &tw_stacks_{limit}, {dst}, {ips}, {limit}, {flags});"));
    }

    fn inet_into(&mut self, to: &Place, family: Option<&'p Expr>, address: &'p Expr) {
        self.zero(to);
        let size = match &address.ty {
            Type::Pointer { to, .. } => match self.size_of(to) {
                0 | 1 => 16,
                size => size.min(16),
            },
            ty if ty.is_scalar() => 4,
            ty => self.size_of(ty).min(16),
        };
        let family = match family {
            Some(family) => self.text(family),
            None => (if size == 4 { "2" } else { "10" }).to_string(),
        };
        self.line(format!("{}.family = {family};", to.text));
        match &address.ty {
            Type::Pointer { .. } => {
                let source = self.text(address);
                let helper = self.read_helper(address);
                self.line(format!("{helper}({}.addr, {size}, {source});", to.text));
            }
            ty if ty.is_scalar() => {
                let value = self.expr(address);
                let name = self.fresh("ipv4");
                self.line(format!("__u32 {name} = {};", value.text));
                self.line(format!("__builtin_memcpy({}.addr, &{name}, 4);", to.text));
            }
            _ => {
                let from = self.place_of(address);
                let src = self.address(&from);
                self.line(format!("__builtin_memcpy({}.addr, {src}, {size});", to.text));
            }
        }
    }

    fn concat_into(&mut self, to: &Place, left: &'p Expr, right: &'p Expr) {
        self.e.header("strings.bpf.h");
        let capacity = self.size_of(&to.ty);
        let (a, a_size) = self.string_source(left);
        let (b, b_size) = self.string_source(right);
        let first = a_size.min(capacity);
        self.zero(to);
        let dst = self.address(to);
        let length = self.fresh("length");
        if first + b_size > capacity + 1 {
            // What may not fit is put together elsewhere: the verifier cannot tell how much room the first leaves.
            let rest = b_size.min(capacity);
            let room = first + rest;
            let both = self.scratch_member(|name| format!("char {name}[{room}]"), "both");
            self.uses_scratch = true;
            self.line(format!(
                "__u64 {length} = tw_str_put(bpf_probe_read_kernel_str({both}, {first}, {a}), {first});"
            ));
            self.line(format!("bpf_probe_read_kernel_str({both} + {length}, {rest}, {b});"));
            self.line(format!("bpf_probe_read_kernel_str({dst}, {capacity}, {both});"));
            return;
        }
        let rest = b_size.min(capacity - first + 1);
        self.line(format!("__u64 {length} = tw_str_put(bpf_probe_read_kernel_str({dst}, {first}, {a}), {first});"));
        self.line(format!("bpf_probe_read_kernel_str({dst} + {length}, {rest}, {b});"));
    }
}

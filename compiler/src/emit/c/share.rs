//! Functions of the file: a body that several programs of a probe have in common is written once.

use super::Emitter;
use crate::emit::escape;
use crate::source::Span;

/// Stands for a program's name inside its own text, until it is known whether others have the same text. Nothing else has
/// it: comments and literals lose control characters.
pub const OWN: char = '\u{1}';

/// A BPF program's parts.
#[derive(Clone, Debug)]
pub struct Written {
    pub name: String,
    /// The probe.
    pub span: Span,
    /// First line of the probe in the script.
    pub comment: String,
    /// Attach points as the script has them.
    pub places: String,
    pub section: String,
    /// C type of the context, with a blank or star behind; none where it is not used.
    pub ctx_type: Option<String>,
    /// Callbacks, and what is shared with them.
    pub before: String,
    pub body: String,
    /// Definition of the scratch struct; empty when there is none.
    pub scratch: String,
}

impl Written {
    fn is_like(&self, other: &Written) -> bool {
        self.span == other.span
            && self.body == other.body
            && self.before == other.before
            && self.scratch == other.scratch
            && self.ctx_type.is_some() == other.ctx_type.is_some()
            && (self.ctx_type == other.ctx_type || self.only_passes_ctx())
    }

    /// The context is handed on as it is, whatever its type.
    fn only_passes_ctx(&self) -> bool {
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        self.before.is_empty()
            && self.body.match_indices("ctx").all(|(at, word)| {
                let (before, after) = (&self.body[..at], &self.body[at + word.len()..]);
                before.ends_with(is_word) || after.starts_with(is_word) || after.starts_with([',', ')'])
            })
    }

    fn parameters(&self) -> String {
        self.ctx_type.as_ref().map_or_else(|| "void".to_string(), |ty| format!("{ty}ctx"))
    }

    fn argument(&self) -> &'static str {
        if self.ctx_type.is_some() { "ctx" } else { "" }
    }

    /// Callbacks and, where it needs scratch memory, the body: what comes before the function called `name`.
    fn prelude(&self, name: &str, parameters: &str) -> String {
        let mut text = self.before.clone();
        if !self.scratch.is_empty() {
            let others = if self.ctx_type.is_some() { format!("{parameters}, ") } else { String::new() };
            text += &format!(
                "static __always_inline int {name}_body({others}struct {name}_scratch *scratch)\n{{\n{}}}\n\n",
                self.body
            );
        }
        text.replace(OWN, name)
    }

    /// What the function called `name` does: the body, or claiming memory for it.
    fn block(&self, name: &str) -> String {
        if self.scratch.is_empty() {
            return self.body.replace(OWN, name);
        }
        let pass = if self.ctx_type.is_some() { "ctx, " } else { "" };
        format!(
            "\tstruct tw_scratch_slot *slot = tw_claim(&tw_scratch);\n\tint result;\n\n\tif (!slot)\n\t\treturn 0;\n\tresult = {name}_body({pass}&slot->{name});\n\ttw_release(&slot->users);\n\treturn result;\n"
        )
    }
}

fn comment(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("/* {} */\n", escape::c_comment(text)) }
}

impl Emitter<'_> {
    /// The text of each program.
    pub fn functions(&mut self, programs: &[Written]) -> Vec<String> {
        let mut probes: Vec<Span> = programs.iter().map(|program| program.span).collect();
        probes.dedup();
        let mut shared: Vec<Option<String>> = vec![None; programs.len()];
        let mut texts = Vec::new();
        for (index, program) in programs.iter().enumerate() {
            if let Some(function) = &shared[index] {
                texts.push(wrapper(program, function));
                continue;
            }
            let alike: Vec<usize> = (index..programs.len()).filter(|&other| programs[other].is_like(program)).collect();
            if alike.len() < 2 {
                texts.push(self.alone(program));
                continue;
            }
            let number = probes.iter().position(|span| *span == program.span).unwrap_or_default() + 1;
            let function = self.global_name(&format!("probe_{number}"));
            let same_type = alike.iter().all(|&other| programs[other].ctx_type == program.ctx_type);
            let parameters = if same_type { program.parameters() } else { "void *ctx".to_string() };
            let places: Vec<&str> = alike.iter().map(|&other| programs[other].places.as_str()).collect();
            let about = if program.comment.ends_with(',') { places.join(", ") } else { program.comment.clone() };
            let text = self.shared(program, &function, &parameters, &about);
            texts.push(text + &wrapper(program, &function));
            for other in alike {
                shared[other] = Some(function.clone());
            }
        }
        texts
    }

    /// A program whose body no other has.
    fn alone(&mut self, program: &Written) -> String {
        let (name, parameters) = (&program.name, program.parameters());
        self.keep_scratch(program, name);
        format!(
            "{}{}SEC(\"{}\")\nint {name}({parameters})\n{{\n{}}}\n\n",
            program.prelude(name, &parameters),
            comment(if program.comment.ends_with(',') { &program.places } else { &program.comment }),
            program.section,
            program.block(name)
        )
    }

    /// What several programs do.
    fn shared(&mut self, program: &Written, function: &str, parameters: &str, about: &str) -> String {
        self.keep_scratch(program, function);
        format!(
            "{}{}static __always_inline int {function}({parameters})\n{{\n{}}}\n\n",
            program.prelude(function, parameters),
            comment(about),
            program.block(function)
        )
    }

    fn keep_scratch(&mut self, program: &Written, name: &str) {
        if !program.scratch.is_empty() {
            self.scratch_structs.push((name.to_string(), program.scratch.replace(OWN, name)));
        }
    }
}

/// A program that does what others do, too.
fn wrapper(program: &Written, function: &str) -> String {
    // The section or the function says it otherwise.
    let places = if program.section.contains('/') || program.places == program.comment { "" } else { &program.places };
    format!(
        "{}SEC(\"{}\")\nint {}({})\n{{\n\treturn {function}({});\n}}\n\n",
        comment(places),
        program.section,
        program.name,
        program.parameters(),
        program.argument()
    )
}

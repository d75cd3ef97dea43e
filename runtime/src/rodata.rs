//! Variables of the object's `.rodata`, by name, before it is loaded.

use std::collections::HashMap;

use libbpf_rs::btf::types::{DataSec, Var};
use libbpf_rs::{AsRawLibbpf, Btf, OpenObject};

use crate::error::{Error, Result};

/// Where the variables are.
#[derive(Debug, Default)]
pub struct Rodata {
    /// Offset and bytes.
    variables: HashMap<String, (usize, usize)>,
}

impl Rodata {
    /// Variables of `.rodata`; none when the object has no such section.
    pub fn of(object: &OpenObject) -> Result<Self> {
        // SAFETY: the pointer is that of an open object, which outlives the borrow.
        let raw = unsafe { object.as_libbpf_object().as_ref() };
        let mut variables = HashMap::new();
        let btf = Btf::from_bpf_object(raw)?;
        if let Some(section) = btf.as_ref().and_then(|btf| btf.type_by_name::<DataSec<'_>>(".rodata")) {
            for member in section.iter() {
                let variable = btf.as_ref().and_then(|btf| btf.type_by_id::<Var<'_>>(member.ty));
                if let Some(name) = variable.and_then(|variable| variable.name().map(|name| name.to_owned())) {
                    let place = (member.offset as usize, member.size);
                    variables.insert(name.to_string_lossy().into_owned(), place);
                }
            }
        }
        Ok(Rodata { variables })
    }

    /// Bytes of a variable; none when the object lacks it.
    pub fn size(&self, name: &str) -> Option<usize> {
        self.variables.get(name).map(|(_, size)| *size)
    }

    /// Sets a variable; passes over one that the object lacks. Shorter values are filled up with zeros.
    ///
    /// # Errors
    /// When the value is longer than the variable.
    pub fn set(&self, object: &mut OpenObject, name: &str, value: &[u8]) -> Result<()> {
        let Some(&(offset, size)) = self.variables.get(name) else { return Ok(()) };
        let mut maps = object.maps_mut();
        let Some(mut map) = maps.find(|map| map.name().to_string_lossy().ends_with(".rodata")) else { return Ok(()) };
        let bytes = map.initial_value_mut().and_then(|data| data.get_mut(offset..offset + size));
        match bytes {
            Some(bytes) if value.len() <= bytes.len() => {
                bytes[..value.len()].copy_from_slice(value);
                bytes[value.len()..].fill(0);
                Ok(())
            }
            _ => Err(Error::kernel(format!("bug: {} bytes do not fit the variable {name}", value.len()))),
        }
    }

    /// Sets an integer variable of whatever width.
    pub fn set_number(&self, object: &mut OpenObject, name: &str, value: u64) -> Result<()> {
        let size = self.size(name).unwrap_or(8).min(8);
        self.set(object, name, &value.to_ne_bytes()[..size])
    }
}

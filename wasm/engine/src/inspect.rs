//! What is in a module's file, without compiling it: as JSON, for people's tables and for machines alike.
//!
//! The reading is lenient, so that a module which the engine would refuse can still be looked at: it stops at the first
//! thing it cannot read, and says what.

use crate::error::demangled;
use crate::error::{WeftError, report};
use crate::ffi::{Bytes, Slice, guarded};
use serde_json::{Map, Value, json};
use std::collections::HashMap;
use wasmparser::{
    CustomSectionReader, Encoding, ExternalKind, FuncType, Import, KnownCustom, MemoryType, Name, NameSectionReader,
    Parser, Payload, ProducersSectionReader, TableType, TypeRef, ValType,
};
use wasmtime_c_api::wasmtime::Result;

const WASM_PAGE_BITS: u32 = 16;

#[derive(Default)]
struct Inspection {
    component: bool,
    sections: Vec<Value>,
    imports: Vec<Value>,
    exports: Vec<Value>,
    memories: Vec<Value>,
    tables: Vec<Value>,
    producers: Map<String, Value>,
    start: Option<u32>,
    types: Vec<Option<FuncType>>,
    /// The type of each function, imported ones first.
    functions: Vec<u32>,
    imported_functions: u32,
    /// Bytes of each function's body.
    bodies: Vec<usize>,
    names: HashMap<u32, String>,
}

fn section_name(id: u8) -> &'static str {
    match id {
        0 => "custom",
        1 => "type",
        2 => "import",
        3 => "function",
        4 => "table",
        5 => "memory",
        6 => "global",
        7 => "export",
        8 => "start",
        9 => "element",
        10 => "code",
        11 => "data",
        12 => "data count",
        13 => "tag",
        _ => "unknown",
    }
}

fn listed(types: &[ValType]) -> String {
    types.iter().map(ValType::to_string).collect::<Vec<_>>().join(", ")
}

/// "(i32, i64) -> i32".
fn signature(kind: &FuncType) -> String {
    match kind.results() {
        [] => format!("({})", listed(kind.params())),
        [result] => format!("({}) -> {result}", listed(kind.params())),
        results => format!("({}) -> ({})", listed(kind.params()), listed(results)),
    }
}

fn bytes_of_pages(kind: &MemoryType, pages: u64) -> u64 {
    pages.saturating_mul(1 << kind.page_size_log2.unwrap_or(WASM_PAGE_BITS).min(WASM_PAGE_BITS))
}

fn memory(kind: &MemoryType, imported: bool) -> Value {
    json!({
        "minimum": bytes_of_pages(kind, kind.initial),
        "maximum": kind.maximum.map(|pages| bytes_of_pages(kind, pages)),
        "imported": imported,
        "shared": kind.shared,
        "address_bits": if kind.memory64 { 64 } else { 32 },
    })
}

fn table(kind: &TableType, imported: bool) -> Value {
    json!({
        "minimum": kind.initial,
        "maximum": kind.maximum,
        "imported": imported,
        "type": kind.element_type.to_string(),
    })
}

impl Inspection {
    fn function_type(&self, index: u32) -> String {
        match self.types.get(index as usize) {
            Some(Some(kind)) => signature(kind),
            _ => String::new(),
        }
    }

    fn import(&mut self, import: &Import<'_>) {
        let (kind, detail) = match &import.ty {
            TypeRef::Func(index) | TypeRef::FuncExact(index) => {
                self.functions.push(*index);
                self.imported_functions += 1;
                self.names.entry(self.imported_functions - 1).or_insert_with(|| import.name.to_owned());
                ("function", self.function_type(*index))
            }
            TypeRef::Table(kind) => {
                self.tables.push(table(kind, true));
                ("table", String::new())
            }
            TypeRef::Memory(kind) => {
                self.memories.push(memory(kind, true));
                ("memory", String::new())
            }
            TypeRef::Global(kind) => ("global", kind.content_type.to_string()),
            TypeRef::Tag(_) => ("tag", String::new()),
        };
        self.imports.push(json!({"module": import.module, "name": import.name, "kind": kind, "type": detail}));
    }

    fn export(&mut self, name: &str, kind: ExternalKind, index: u32) {
        let (kind, detail) = match kind {
            ExternalKind::Func | ExternalKind::FuncExact => {
                let known = self.functions.get(index as usize).map(|kind| self.function_type(*kind));
                self.names.entry(index).or_insert_with(|| name.to_owned());
                ("function", known.unwrap_or_default())
            }
            ExternalKind::Table => ("table", String::new()),
            ExternalKind::Memory => ("memory", String::new()),
            ExternalKind::Global => ("global", String::new()),
            ExternalKind::Tag => ("tag", String::new()),
        };
        self.exports.push(json!({"name": name, "kind": kind, "type": detail}));
    }

    /// Names are for people: what cannot be read of them is left out.
    fn read_names(&mut self, section: NameSectionReader<'_>) {
        for part in section.into_iter().flatten() {
            let Name::Function(map) = part else { continue };
            for naming in map.into_iter().flatten() {
                self.names.insert(naming.index, demangled(naming.name));
            }
        }
    }

    fn read_producers(&mut self, section: ProducersSectionReader<'_>) {
        for field in section.into_iter().flatten() {
            let values = field.values.into_iter().flatten();
            let texts: Vec<String> =
                values.map(|value| format!("{} {}", value.name, value.version).trim_end().to_owned()).collect();
            self.producers.insert(field.name.to_owned(), json!(texts));
        }
    }

    fn custom(&mut self, section: &CustomSectionReader<'_>) {
        match section.as_known() {
            KnownCustom::Name(names) => self.read_names(names),
            KnownCustom::Producers(producers) => self.read_producers(producers),
            _ => {}
        }
    }

    fn note_section(&mut self, payload: &Payload<'_>) {
        let Some((id, range)) = payload.as_section() else { return };
        let name = match payload {
            Payload::CustomSection(section) => section.name(),
            _ if self.component => "",
            _ => section_name(id),
        };
        self.sections.push(json!({"name": name, "custom": id == 0, "offset": range.start, "size": range.len()}));
    }

    fn take(&mut self, payload: Payload<'_>) -> wasmparser::Result<()> {
        self.note_section(&payload);
        match payload {
            Payload::Version { encoding, .. } => self.component |= encoding == Encoding::Component,
            Payload::TypeSection(section) => {
                for group in section {
                    let types = group?.into_types();
                    self.types.extend(types.map(|kind| match kind.composite_type.inner {
                        wasmparser::CompositeInnerType::Func(function) => Some(function),
                        _ => None,
                    }));
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    self.import(&import?);
                }
            }
            Payload::FunctionSection(section) => {
                for kind in section {
                    self.functions.push(kind?);
                }
            }
            Payload::TableSection(section) => {
                for item in section {
                    self.tables.push(table(&item?.ty, false));
                }
            }
            Payload::MemorySection(section) => {
                for item in section {
                    self.memories.push(memory(&item?, false));
                }
            }
            Payload::ExportSection(section) => {
                for item in section {
                    let item = item?;
                    self.export(item.name, item.kind, item.index);
                }
            }
            Payload::StartSection { func, .. } => self.start = Some(func),
            Payload::CodeSectionEntry(body) => self.bodies.push(body.range().len()),
            Payload::CustomSection(section) => self.custom(&section),
            _ => {}
        }
        Ok(())
    }

    /// The largest first.
    fn functions_by_size(&self) -> Vec<Value> {
        let mut all: Vec<(u32, usize)> = (self.imported_functions..).zip(self.bodies.iter().copied()).collect();
        all.sort_by_key(|(index, size)| (std::cmp::Reverse(*size), *index));
        all.iter().map(|(index, size)| json!({"index": index, "name": self.names.get(index), "size": size})).collect()
    }

    fn to_json(&self, size: usize, problem: Option<String>) -> Value {
        json!({
            "kind": if self.component { "component" } else { "module" },
            "size": size,
            "problem": problem,
            "sections": self.sections,
            "imports": self.imports,
            "exports": self.exports,
            "memories": self.memories,
            "tables": self.tables,
            "start_function": self.start,
            "producers": self.producers,
            "functions": self.functions_by_size(),
        })
    }
}

fn inspect(bytes: &[u8]) -> Result<Value> {
    let mut found = Inspection::default();
    let mut problem = None;
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let taken = payload.and_then(|payload| {
            // Of a component only its own sections are listed, not those of the modules in it.
            match &payload {
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => {
                    found.note_section(&payload);
                    depth += 1;
                    return Ok(());
                }
                Payload::End(_) => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 { found.take(payload) } else { Ok(()) }
        });
        if let Err(error) = taken {
            problem = Some(error.to_string());
            break;
        }
    }
    Ok(found.to_json(bytes.len(), problem))
}

/// All that `weft inspect` tells, as one JSON object in UTF-8.
///
/// # Safety
/// `wasm` must be readable during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn weft_inspect(wasm: Slice, error: &mut Option<Box<WeftError>>) -> Option<Box<Bytes>> {
    let bytes = unsafe { wasm.bytes() };
    let found = guarded(|| inspect(bytes));
    report(found.map(|value| Box::new(Bytes(value.to_string().into_bytes()))), error)
}

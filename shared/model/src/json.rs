//! JSON whose shape is not known beforehand.
//!
//! All crates read and write it here: serde_json's generic functions are compiled anew for each crate that
//! calls them and for each kind of source and sink, several kilobytes of a component each time.

use serde_json::{Map, Value};

/// Reads a JSON document.
pub fn read(bytes: &[u8]) -> serde_json::Result<Value> {
    serde_json::from_slice(bytes)
}

/// Writes a JSON document.
pub fn write(value: &Value) -> String {
    serde_json::to_string(value).expect("JSON values serialise")
}

/// Takes a field's value out of an object; what is left there is `null`.
pub fn take(fields: &mut Map<String, Value>, name: &str) -> Option<Value> {
    fields.get_mut(name).map(Value::take)
}

/// An object of these fields. (To collect them would sort them first, by five kilobytes of code.)
pub fn object(fields: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    let mut object = Map::new();
    object.extend(fields);
    object
}

//! Manifests of a folder, as directory fleets keep them.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::objects::Objects;

impl Objects {
    /// The manifests in a folder and the folders below it, whose names do not start with a dot; lists are taken apart.
    /// A file that is not YAML is an error that names it.
    pub fn loaded_from(folder: &Path) -> io::Result<Self> {
        let mut files = Vec::new();
        collect(folder, &mut files)?;
        files.sort();
        let mut objects = Self::default();
        for file in files {
            let wrong = |error: &dyn std::fmt::Display| {
                io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display()))
            };
            let text = fs::read_to_string(&file).map_err(|error| wrong(&error))?;
            // Not YAML 1.1: a label `on` is text.
            let options = serde_saphyr::options! { strict_booleans: true };
            let documents: Vec<Value> =
                serde_saphyr::from_multiple_with_options(&text, options).map_err(|error| wrong(&error))?;
            for document in documents.into_iter().filter(Value::is_object) {
                if document["kind"] == "List" {
                    document["items"].as_array().into_iter().flatten().for_each(|item| objects.add(item.clone()));
                } else {
                    objects.add(document);
                }
            }
        }
        Ok(objects)
    }
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b".")) {
            continue;
        }
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            files.push(path);
        }
    }
    Ok(())
}

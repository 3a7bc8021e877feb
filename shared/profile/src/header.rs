//! Tells whether the first row holds names, and makes the names usable.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, DefaultHasher};

use crate::date::DateCandidates;
use crate::number;
use crate::records::Record;

/// A longer name is cut: it has to fit on a label.
const NAME_LIMIT: usize = 120;

/// Whether the first row is data already: every cell that holds something is a number or a date.
pub(crate) fn is_data(record: Record<'_>) -> bool {
    let mut cells = (0..record.len())
        .map(|index| record.field(index))
        .filter(|cell| !cell.is_empty());
    let mut any = false;
    let all = cells.all(|cell| {
        any = true;
        let mut dates = DateCandidates::default();
        dates.add(cell);
        number::read(cell).is_some() || dates.finish().is_some()
    });
    any && all
}

/// The names of the columns: none empty, none twice.
pub(crate) struct Names {
    pub(crate) names: Vec<String>,
    /// Whether one is not as it stands in the file.
    pub(crate) renamed: bool,
}

impl Names {
    /// From the first row.
    pub(crate) fn read(record: Record<'_>) -> Self {
        Self::choose((0..record.len()).map(|index| record.text(index)).collect())
    }

    /// For a file without names.
    pub(crate) fn invent(columns: usize) -> Self {
        Self::choose(vec![String::new(); columns])
    }

    fn choose(written: Vec<String>) -> Self {
        let mut taken: HashSet<String, BuildHasherDefault<DefaultHasher>> = HashSet::default();
        let mut names = Vec::with_capacity(written.len());
        for (index, written) in written.iter().enumerate() {
            let trimmed: String = written.trim().chars().take(NAME_LIMIT).collect();
            let base = if trimmed.is_empty() {
                format!("column_{}", index + 1)
            } else {
                trimmed
            };
            let mut name = base.clone();
            let mut number = 2;
            while !taken.insert(name.clone()) {
                name = format!("{base}_{number}");
                number += 1;
            }
            names.push(name);
        }
        let renamed = names != written;
        Self { names, renamed }
    }
}

#[cfg(test)]
mod tests {
    use super::Names;

    #[test]
    fn gives_each_column_a_name_of_its_own() {
        let written = ["a", "", "a", " b ", "a_2", "a"];
        let chosen = Names::choose(written.map(str::to_owned).to_vec());
        assert_eq!(chosen.names, ["a", "column_2", "a_2", "b", "a_2_2", "a_3"]);
        assert!(chosen.renamed);
    }

    #[test]
    fn leaves_good_names_alone() {
        let chosen = Names::choose(vec!["temp max".to_owned(), "naïve \"name\"".to_owned()]);
        assert_eq!(chosen.names, ["temp max", "naïve \"name\""]);
        assert!(!chosen.renamed);
    }
}

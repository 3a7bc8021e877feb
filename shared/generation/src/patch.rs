//! Changes of a program, as a model writes them: search/replace blocks, or the hunks of a diff.
//!
//! ```text
//! <<<<<<< SEARCH
//! lines as they are
//! =======
//! lines in their place
//! >>>>>>> REPLACE
//! ```

/// A patch that cannot be used; the words are for the model that wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PatchError {
    /// Its end is missing.
    #[error("SEARCH/REPLACE block {0} does not end")]
    Open(usize),
    /// There is nothing to look for.
    #[error("block {0} searches for nothing: name the lines beside the change")]
    Empty(usize),
    /// The program does not have these lines.
    #[error("the lines of block {block} (`{first}` …) do not stand in the program like that")]
    Absent {
        /// Which block, from 1.
        block: usize,
        /// Its first line.
        first: String,
    },
    /// The program has these lines more than once.
    #[error(
        "the lines of block {block} (`{first}` …) stand in the program {count} times: add lines around them"
    )]
    Ambiguous {
        /// Which block, from 1.
        block: usize,
        /// Its first line.
        first: String,
        /// How often they are there.
        count: usize,
    },
}

/// One place that is to be changed.
#[derive(Debug, Default, PartialEq, Eq)]
struct Edit<'a> {
    search: Vec<&'a str>,
    replace: Vec<&'a str>,
}

/// Changes of one program, in the order in which they are to be made.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Patch<'a>(Vec<Edit<'a>>);

/// The patch in an answer, if there is one.
pub(crate) fn read(answer: &str) -> Option<Result<Patch<'_>, PatchError>> {
    let lines: Vec<&str> = answer.lines().collect();
    if lines.iter().any(|line| is_search(line)) {
        return Some(blocks(&lines).map(Patch));
    }
    let hunks = hunks(&lines);
    (!hunks.is_empty()).then_some(Ok(Patch(hunks)))
}

fn is_search(line: &str) -> bool {
    let rest = line.trim().strip_prefix("<<<<<<<");
    rest.is_some_and(|rest| rest.trim().is_empty() || rest.trim().eq_ignore_ascii_case("search"))
}

fn blocks<'a>(lines: &[&'a str]) -> Result<Vec<Edit<'a>>, PatchError> {
    let mut edits = Vec::new();
    let mut lines = lines.iter();
    while lines.any(|line| is_search(line)) {
        let open = PatchError::Open(edits.len() + 1);
        let mut edit = Edit::default();
        let mut is_divided = false;
        let mut is_closed = false;
        for line in lines.by_ref() {
            match line.trim() {
                "=======" if !is_divided => is_divided = true,
                end if is_divided && end.starts_with(">>>>>>>") => {
                    is_closed = true;
                    break;
                }
                _ if is_divided => edit.replace.push(line),
                _ => edit.search.push(line),
            }
        }
        if !is_closed {
            return Err(open);
        }
        edits.push(edit);
    }
    Ok(edits)
}

/// The hunks of a unified diff. Their line numbers are not believed.
fn hunks<'a>(lines: &[&'a str]) -> Vec<Edit<'a>> {
    let mut edits: Vec<Edit<'a>> = Vec::new();
    let mut is_inside = false;
    for line in lines {
        if line.starts_with("@@") {
            is_inside = true;
            edits.push(Edit::default());
            continue;
        }
        let Some(edit) = edits.last_mut().filter(|_| is_inside) else {
            continue;
        };
        match line.as_bytes().first() {
            Some(b'-') => edit.search.push(&line[1..]),
            Some(b'+') => edit.replace.push(&line[1..]),
            Some(b' ') => {
                edit.search.push(&line[1..]);
                edit.replace.push(&line[1..]);
            }
            None => {
                edit.search.push("");
                edit.replace.push("");
            }
            Some(b'\\') => {}
            Some(_) => is_inside = false,
        }
    }
    for edit in &mut edits {
        // The empty lines behind the last hunk are the answer's, not the program's.
        while edit.search.last() == Some(&"") && edit.replace.last() == Some(&"") {
            edit.search.pop();
            edit.replace.pop();
        }
    }
    edits.retain(|edit| edit.search != edit.replace);
    edits
}

impl Patch<'_> {
    /// The program with all changes, or why they cannot be made. Spaces at the ends of lines and
    /// numbers that were copied along with them make no difference.
    pub(crate) fn apply(&self, code: &str) -> Result<String, PatchError> {
        let mut lines: Vec<&str> = code.lines().collect();
        for (index, edit) in self.0.iter().enumerate() {
            let block = index + 1;
            let Some(first) = edit.search.iter().find(|line| !line.trim().is_empty()) else {
                return Err(PatchError::Empty(block));
            };
            let first = first.trim().to_owned();
            let mut replace = edit.replace.clone();
            let mut places = places_of(&edit.search, &lines);
            if places.is_empty()
                && let Some(search) = without_numbers(&edit.search)
            {
                places = places_of(&search, &lines);
                replace = without_numbers(&replace).unwrap_or(replace);
            }
            match places[..] {
                [] => return Err(PatchError::Absent { block, first }),
                [at] => drop(lines.splice(at..at + edit.search.len(), replace)),
                _ => {
                    let count = places.len();
                    return Err(PatchError::Ambiguous {
                        block,
                        first,
                        count,
                    });
                }
            }
        }
        let mut code = lines.join("\n");
        code.push('\n');
        Ok(code)
    }
}

/// Where these lines stand.
fn places_of(search: &[&str], lines: &[&str]) -> Vec<usize> {
    let same = |(one, other): (&&str, &&str)| one.trim_end() == other.trim_end();
    let windows = lines.windows(search.len()).enumerate();
    windows
        .filter(|(_, window)| window.iter().zip(search).all(same))
        .map(|(at, _)| at)
        .collect()
}

/// The lines without the numbers that we showed before them, if each has one.
fn without_numbers<'a>(lines: &[&'a str]) -> Option<Vec<&'a str>> {
    let strip = |line: &&'a str| {
        let (number, rest) = line.split_once('|')?;
        let number = number.trim();
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| rest.strip_prefix(' ').unwrap_or(rest))
    };
    lines.iter().map(strip).collect()
}

#[cfg(test)]
mod tests;

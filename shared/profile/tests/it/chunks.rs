use profile::{Options, Profile, ProfileError, Profiler, profile};
use proptest::prelude::*;

fn in_chunks(bytes: &[u8], cuts: &[usize]) -> Result<Profile, ProfileError> {
    let mut profiler = Profiler::new(Options::default());
    let mut rest = bytes;
    for cut in cuts {
        let (chunk, tail) = rest.split_at((*cut).min(rest.len()));
        profiler.push(chunk)?;
        rest = tail;
    }
    profiler.push(rest)?;
    profiler.finish()
}

/// Bytes that look much like CSV, with all that is hard in it.
fn csv_like() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just("\"".as_bytes().to_vec()),
        Just(b",".to_vec()),
        Just(b";".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just("é".as_bytes().to_vec()),
        Just("🌧️".as_bytes().to_vec()),
        Just(b"\xEF\xBB\xBF".to_vec()),
        Just(b"\xC3".to_vec()),
        Just(b"2020-01-02".to_vec()),
        "[0-9]{1,3}([.,][0-9])?".prop_map(String::into_bytes),
        "[a-z ]{0,6}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// Cells of a table, quoted and written with one delimiter.
fn write(rows: &[Vec<String>], delimiter: char) -> String {
    let cell = |cell: &String| format!("\"{}\"", cell.replace('"', "\"\""));
    let line = |row: &Vec<String>| {
        row.iter()
            .map(cell)
            .collect::<Vec<_>>()
            .join(&delimiter.to_string())
            + "\n"
    };
    rows.iter().map(line).collect()
}

proptest! {
    #[test]
    fn any_split_of_the_bytes_gives_the_same_profile(
        bytes in csv_like(),
        cuts in prop::collection::vec(0_usize..9, 0..20),
    ) {
        prop_assert_eq!(in_chunks(&bytes, &cuts), profile(&bytes, Options::default()));
    }

    #[test]
    fn every_dialect_gives_back_the_cells_that_were_written(
        cells in prop::collection::vec(prop::collection::vec("[a-zé,;|\t\n\"' 0-9]{1,8}x", 3), 2..10),
        delimiter in prop::sample::select(vec![',', ';', '\t', '|']),
    ) {
        let options = Options { delimiter: None, has_header: Some(false) };
        let profile = profile(write(&cells, delimiter).as_bytes(), options).expect("it is good CSV");
        prop_assert_eq!(profile.dialect.delimiter, delimiter);
        prop_assert_eq!(&profile.preview.rows, &cells);
    }
}

#[test]
fn splits_beyond_the_sample_make_no_difference() {
    let mut csv = "day;größe;name\n".to_owned();
    for row in 0..9000 {
        csv += &format!(
            "2020-01-{:02};{},{};\"n; {}\"\n",
            row % 28 + 1,
            row % 7,
            row % 10,
            row % 50
        );
    }
    let whole = profile(csv.as_bytes(), Options::default()).expect("it is good CSV");
    assert_eq!((whole.rows, whole.dialect.decimal), (9000, ','));
    for size in [1, 7, 4096, 65_536, 65_537] {
        let cuts = vec![size; csv.len() / size];
        assert_eq!(
            in_chunks(csv.as_bytes(), &cuts).expect("it is good CSV"),
            whole,
            "{size}"
        );
    }
}

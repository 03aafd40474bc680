//! Parquet exports: the values of NDJSON in typed columns, and an erased person's rows gone from the file.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use parquet::basic::Type;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::Field as Cell;
use sendoff::audience::contact::Values;
use sendoff::audience::field::{self, Field};
use sendoff::infra::export_register;
use sendoff::privacy::erasure::{self, Reason};
use sendoff::privacy::physical_erasure;
use sendoff::report::export::table_writer::Format;
use sendoff::report::export::{self, Export, Kind};
use serde_json::Value;

use crate::canary;
use crate::fixture::{Fixture, both};

type Row = BTreeMap<String, Value>;

async fn exported(fixture: &Fixture, kind: Kind, format: Format) -> PathBuf {
    let path = fixture.installation.config.export_dir().join(format!("{kind}.{format}"));
    let wanted = Export::new(kind, format, fixture.workspace.id);
    export::to_file(&fixture.installation, &wanted, &path, &mut |_, _| {}).await.expect("exported");
    export_register::record(&fixture.installation.config, &path, fixture.workspace.id).expect("registered");
    path
}

/// The values as NDJSON has them.
fn read(path: &Path) -> Vec<Row> {
    let reader = SerializedFileReader::new(File::open(path).expect("a file")).expect("Parquet");
    let value = |cell: &Cell| match cell {
        Cell::Null => Value::Null,
        Cell::Str(text) => Value::from(text.as_str()),
        Cell::Long(number) => Value::from(*number),
        Cell::Double(number) => Value::from(*number),
        Cell::Bool(flag) => Value::from(*flag),
        Cell::TimestampMillis(at) => {
            Value::from(format!("{:.3}", jiff::Timestamp::from_millisecond(*at).expect("a time")))
        }
        Cell::Date(days) => {
            let day = jiff::civil::date(1970, 1, 1).saturating_add(jiff::Span::new().days(*days));
            Value::from(day.to_string())
        }
        other => panic!("{other:?}"),
    };
    let row =
        |row: parquet::record::Row| row.get_column_iter().map(|(name, cell)| (name.clone(), value(cell))).collect();
    reader.get_row_iter(None).expect("rows").map(|found| row(found.expect("a row"))).collect()
}

fn read_ndjson(path: &Path) -> Vec<Row> {
    let text = std::fs::read_to_string(path).expect("read");
    text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// Numbers by their value, flags as yes or no: NDJSON writes `5.0` as `5` and a flag as 1 or 0.
fn comparable(rows: Vec<Row>) -> Vec<Vec<(String, String)>> {
    let text = |value: Value| match &value {
        Value::Number(number) => format!("{:?}", number.as_f64()),
        Value::Bool(flag) => format!("{:?}", Some(f64::from(u8::from(*flag)))),
        _ => value.to_string(),
    };
    rows.into_iter().map(|row| row.into_iter().map(|(name, value)| (name, text(value))).collect()).collect()
}

async fn people(fixture: &Fixture) {
    let list = canary::list(fixture, "News").await;
    for (name, kind) in [("note", "text"), ("balance", "number"), ("birthday", "date"), ("vip", "flag")] {
        let field = Field::declare(name, kind).expect("a field");
        field::add(&fixture.installation, fixture.workspace.id, &field).await.expect("declared");
    }
    for (address, note) in
        [("anna@example.org", "Анна, \"да\""), ("boris@example.org", "=1+1"), ("vera@example.org", "")]
    {
        let values = [
            ("note", Value::from(note)),
            ("balance", Value::from(-5.25)),
            ("birthday", Value::from("1985-04-07")),
            ("vip", Value::from(1)),
        ];
        let values = values.into_iter().take(if note.is_empty() { 0 } else { 4 });
        let values = Values::from_iter(values.map(|(name, value)| (name.to_owned(), value)));
        canary::join(fixture, &list, &[(canary::address(address), values)]).await;
    }
    let (campaign, _) = canary::launch(fixture, &list, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    canary::react(fixture, taken["anna@example.org"]).await;
}

both!(parquet_has_the_values_of_ndjson_in_typed_columns, |fixture| {
    people(fixture).await;
    for kind in Kind::ALL {
        let path = exported(fixture, *kind, Format::Parquet).await;
        let plain = exported(fixture, *kind, Format::Ndjson).await;
        let rows = read(&path);
        assert!(!rows.is_empty() || [Kind::Links, Kind::Audience].contains(kind), "{kind}");
        assert_eq!(comparable(rows), comparable(read_ndjson(&plain)), "{kind}");
    }
    let path = exported(fixture, Kind::People, Format::Parquet).await;
    let reader = SerializedFileReader::new(File::open(path).expect("a file")).expect("Parquet");
    let schema = reader.metadata().file_metadata().schema_descr();
    let types: BTreeMap<_, _> =
        schema.columns().iter().map(|column| (column.name().to_owned(), column.physical_type())).collect();
    assert_eq!((types["address"], types["balance"]), (Type::BYTE_ARRAY, Type::DOUBLE));
    assert_eq!((types["created_at"], types["birthday"], types["vip"]), (Type::INT64, Type::INT32, Type::BOOLEAN));
});

both!(erasure_removes_the_rows_of_a_person_from_parquet_files, |fixture| {
    people(fixture).await;
    let path = exported(fixture, Kind::People, Format::Parquet).await;
    let before = read(&path);

    let address = canary::address("anna@example.org");
    erasure::erase(&fixture.installation, fixture.workspace.id, &address, Reason::Erased, None).await.expect("erased");
    physical_erasure::run(&fixture.installation).await.expect("erased from files");

    let bytes = std::fs::read(&path).expect("read");
    assert!(memchr::memmem::find(&bytes, b"anna").is_none(), "bytes of the person are left");
    let expected: Vec<Row> = before.into_iter().filter(|row| row["address"] != "anna@example.org").collect();
    assert_eq!(expected.len(), 2);
    assert_eq!(read(&path), expected);
    let unsearchable = sendoff::privacy::file_erasure::list_unsearchable(&fixture.installation);
    assert!(unsearchable.is_empty(), "{unsearchable:?}");
});

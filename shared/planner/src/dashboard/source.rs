//! Says how the file must be read so that the program finds what the profile promises.

use profile::ColumnType;

use super::Context;
use crate::plan::{DateColumn, Source};
use crate::role::Role;

pub(super) fn describe(context: &Context<'_>, file_name: &str) -> Source {
    let profile = context.profile;
    let dialect = &profile.dialect;
    let columns = || profile.columns.iter().zip(&context.roles);
    let names = || profile.columns.iter().map(|column| column.name.clone());
    Source {
        file_name: file_name.to_owned(),
        delimiter: dialect.delimiter,
        decimal: dialect.decimal,
        has_header: dialect.has_header,
        names: (dialect.renamed || !dialect.has_header).then(|| names().collect()),
        columns: profile.columns.len(),
        extra_fields: dialect.extra_fields,
        dates: columns()
            .filter_map(|(column, _)| {
                let format = column.date_format.clone()?;
                Some(DateColumn {
                    column: column.name.clone(),
                    format,
                    with_time: column.kind == ColumnType::Datetime,
                    zoned: column.zoned,
                })
            })
            .collect(),
        text: columns()
            .filter(|(column, _)| column.kind == ColumnType::Text && column.numeric_values > 0)
            .map(|(column, _)| column.name.clone())
            .collect(),
        // A gap would make 4 a 4.0: no harm to a measure, ugly in a category.
        integers: columns()
            .filter(|(column, role)| {
                column.kind == ColumnType::Integer && column.missing > 0 && **role != Role::Measure
            })
            .map(|(column, _)| column.name.clone())
            .collect(),
    }
}

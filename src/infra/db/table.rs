//! Schema introspection and key-ordered paging through the rows of any table, for code that must cover every table:
//! store migration and trace search.

use std::pin::pin;

use futures_util::TryStreamExt;
use sha2::{Digest, Sha256};

use crate::infra::db::table_rewrite::TEMPORARY_TABLES;
use crate::infra::db::value::{Kind, Value};
use crate::infra::db::{Cells, Conn, Db, Dialect, Sql};
use crate::infra::error::{Message, Result};

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type.
    pub kind: Kind,
}

/// A table with its columns and its primary key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns by name.
    pub columns: Vec<Column>,
    /// The columns of the primary key in key order, as indexes into `columns`.
    pub key: Vec<usize>,
}

/// Consecutive rows in key order.
#[derive(Debug, Default)]
pub struct Page {
    /// The values in the order of the columns.
    pub rows: Vec<Vec<Value>>,
    /// The key of the last row.
    pub last: Option<Vec<Value>>,
}

impl Db {
    /// All tables with their columns, without the table of migrations.
    pub async fn all_tables(&self) -> Result<Vec<Table>> {
        let query = match self.dialect {
            Dialect::Sqlite => {
                "select m.name, p.name, p.type, p.pk from sqlite_master m join pragma_table_info(m.name) p \
                 where m.type = 'table' and m.name not like 'sqlite%' order by m.name, p.name"
            }
            Dialect::Postgres => {
                "select cast(c.relname as text), cast(a.attname as text), format_type(a.atttypid, null), \
                 cast(coalesce(array_position(string_to_array(cast(i.indkey as text), ' '), cast(a.attnum as text)), 0) as bigint) \
                 from pg_class c join pg_attribute a on a.attrelid = c.oid \
                 left join pg_index i on i.indrelid = c.oid and i.indisprimary \
                 where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' \
                 and c.relnamespace = (select oid from pg_namespace where nspname = current_schema()) \
                 order by cast(c.relname as text) collate \"C\", cast(a.attname as text) collate \"C\""
            }
        };
        let mut tables: Vec<(Table, Vec<(i64, usize)>)> = Vec::new();
        for row in sqlx::query(query).fetch_all(&mut *self.read().await?).await? {
            let (name, column, declared): (String, String, String) = (row.cell(0)?, row.cell(1)?, row.cell(2)?);
            if name == "_sqlx_migrations" {
                continue;
            }
            let kind = Kind::of(&declared)
                .ok_or_else(|| Message::new("table-kind").with("table", &name).with("column", &column).internal())?;
            if tables.last().is_none_or(|(table, _)| table.name != name) {
                tables.push((Table { name, columns: Vec::new(), key: Vec::new() }, Vec::new()));
            }
            if let Some((table, key)) = tables.last_mut() {
                if row.cell::<i64>(3)? > 0 {
                    key.push((row.cell(3)?, table.columns.len()));
                }
                table.columns.push(Column { name: column, kind });
            }
        }
        let keyed = |(mut table, mut key): (Table, Vec<(i64, usize)>)| {
            key.sort_unstable();
            table.key = key.into_iter().map(|(_, place)| place).collect();
            match table.key.is_empty() {
                true => Err(Message::new("table-key").with("table", &table.name).internal()),
                false => Ok(table),
            }
        };
        tables.into_iter().map(keyed).collect()
    }

    /// Names of all tables, each with its columns of type text or bytea.
    pub async fn tables(&self) -> Result<Vec<(String, Vec<String>)>> {
        let mut conn = self.read().await?;
        let query = match self.dialect {
            Dialect::Sqlite => {
                "select m.name, p.name from sqlite_master m join pragma_table_info(m.name) p \
                 where m.type = 'table' and lower(p.type) in ('text', 'bytea', 'blob') order by 1, 2"
            }
            Dialect::Postgres => {
                "select cast(table_name as text), cast(column_name as text) from information_schema.columns \
                 where table_schema = current_schema() and data_type in ('text', 'bytea', 'character varying') order by 1, 2"
            }
        };
        let mut tables: Vec<(String, Vec<String>)> = Vec::new();
        for row in sqlx::query(query).fetch_all(&mut *conn).await? {
            let (table, column): (String, String) = (row.cell(0)?, row.cell(1)?);
            match tables.last_mut() {
                Some((name, columns)) if *name == table => columns.push(column),
                _ => tables.push((table, vec![column])),
            }
        }
        Ok(tables)
    }

    /// Names of all tables, also those of other programs, without the table of migrations and the copies of tables that are
    /// rewritten at this moment.
    pub async fn table_names(&self) -> Result<Vec<String>> {
        let query = match self.dialect {
            Dialect::Sqlite => {
                "select name from sqlite_master where type = 'table' and name not like 'sqlite%' \
                 and name <> '_sqlx_migrations' order by 1"
            }
            Dialect::Postgres => {
                "select cast(tablename as text) from pg_tables where schemaname = current_schema() \
                 and tablename <> '_sqlx_migrations' order by 1"
            }
        };
        let rows = sqlx::query(query).fetch_all(&mut *self.read().await?).await?;
        let names: Vec<String> = rows.iter().map(|row| row.cell(0)).collect::<Result<_>>()?;
        Ok(names.into_iter().filter(|name| !TEMPORARY_TABLES.iter().any(|suffix| name.ends_with(suffix))).collect())
    }

    /// The bytes of the database.
    pub async fn size(&self) -> Result<u64> {
        let query = match self.dialect {
            Dialect::Sqlite => "select page_count * page_size from pragma_page_count, pragma_page_size",
            Dialect::Postgres => "select pg_database_size(current_database())",
        };
        let row = sqlx::query(query).fetch_one(&mut *self.read().await?).await?;
        Ok(row.cell::<i64>(0)?.unsigned_abs())
    }

    /// Updates the planner's statistics (PostgreSQL).
    pub async fn analyze(&self) -> Result<()> {
        if self.dialect == Dialect::Postgres {
            sqlx::raw_sql("analyze").execute(&mut *self.read().await?).await?;
        }
        Ok(())
    }

    /// A read transaction with a snapshot of the database as it is now.
    pub async fn read_snapshot(&self) -> Result<sqlx::Transaction<'static, sqlx::Any>> {
        let mut tx = match self.dialect {
            Dialect::Sqlite => self.pool.begin_with("begin").await?,
            Dialect::Postgres => self.pool.begin_with("begin isolation level repeatable read, read only").await?,
        };
        // The snapshot is taken by the first statement.
        sqlx::query("select count(*) from store_status").fetch_one(&mut *tx).await?;
        Ok(tx)
    }
}

impl Table {
    /// Names of the columns.
    pub fn names(&self) -> Vec<&str> {
        self.columns.iter().map(|column| column.name.as_str()).collect()
    }

    /// Number of rows.
    pub async fn count(&self, conn: &mut Conn) -> Result<u64> {
        let rows = Sql::new("select count(*) from ").push(&self.name).all(conn).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.cell::<i64>(0))?.unsigned_abs())
    }

    /// Rows after one key up to another, limited to `most` rows or `bytes` bytes.
    pub async fn page(
        &self,
        conn: &mut Conn,
        (after, upto): (Option<&[Value]>, Option<&[Value]>),
        most: usize,
        bytes: usize,
    ) -> Result<Page> {
        let mut sql = self.select(conn, &self.names().join(", "), after, upto, Some(most));
        let mut rows = pin!(sql.stream(conn));
        let (mut page, mut weight) = (Page::default(), 0);
        while weight < bytes
            && let Some(row) = rows.try_next().await?
        {
            let values = self.read(&row)?;
            weight += values.iter().map(Value::weight).sum::<usize>();
            page.rows.push(values);
        }
        page.last = page.rows.last().map(|row| self.key_of(row));
        Ok(page)
    }

    /// Adds the rows after `after`, up to `upto` or `most` rows, to a checksum in key order. Returns their number and the
    /// key of the last one.
    pub async fn digest(
        &self,
        conn: &mut Conn,
        (after, upto): (Option<&[Value]>, Option<&[Value]>),
        most: Option<usize>,
        into: &mut Sha256,
    ) -> Result<(u64, Option<Vec<Value>>)> {
        let mut sql = self.select(conn, &self.names().join(", "), after, upto, most);
        let mut rows = pin!(sql.stream(conn));
        let (mut count, mut last) = (0, None);
        while let Some(row) = rows.try_next().await? {
            let values = self.read(&row)?;
            into.update((values.len() as u64).to_be_bytes());
            values.iter().for_each(|value| value.digest(into));
            (count, last) = (count + 1, Some(self.key_of(&values)));
        }
        Ok((count, last))
    }

    /// Deletes the rows after `after`, up to `upto`.
    pub async fn clear(&self, conn: &mut Conn, after: Option<&[Value]>, upto: Option<&[Value]>) -> Result<u64> {
        let mut sql = Sql::new("delete from ");
        sql.push(&self.name);
        self.bound(conn, &mut sql, after, upto);
        sql.run(conn).await
    }

    fn select(
        &self,
        conn: &Conn,
        what: &str,
        after: Option<&[Value]>,
        upto: Option<&[Value]>,
        most: Option<usize>,
    ) -> Sql {
        let mut sql = Sql::new("select ");
        sql.push(what).push(" from ").push(&self.name);
        self.bound(conn, &mut sql, after, upto);
        sql.push(" order by ").push(&self.order(conn));
        if let Some(most) = most {
            sql.push(" limit ").bind(most as i64);
        }
        sql
    }

    fn bound(&self, conn: &Conn, sql: &mut Sql, after: Option<&[Value]>, upto: Option<&[Value]>) {
        let mut word = " where (";
        for (key, sign) in [(after, ") > ("), (upto, ") <= (")] {
            let Some(key) = key else { continue };
            sql.push(word).push(&self.order(conn)).push(sign);
            for (place, value) in key.iter().enumerate() {
                sql.push(if place > 0 { ", " } else { "" });
                value.clone().bind(sql);
            }
            sql.push(")");
            word = " and (";
        }
    }

    /// The key columns in an order that both databases share: by bytes.
    fn order(&self, conn: &Conn) -> String {
        let by_bytes = if conn.backend_name() == "SQLite" { "" } else { " collate \"C\"" };
        let column = |place: &usize| {
            let column = &self.columns[*place];
            format!("{}{}", column.name, if column.kind == Kind::Text { by_bytes } else { "" })
        };
        self.key.iter().map(column).collect::<Vec<_>>().join(", ")
    }

    fn read(&self, row: &sqlx::any::AnyRow) -> Result<Vec<Value>> {
        self.columns.iter().enumerate().map(|(index, column)| Value::read(row, index, column.kind)).collect()
    }

    fn key_of(&self, row: &[Value]) -> Vec<Value> {
        self.key.iter().map(|place| row[*place].clone()).collect()
    }
}

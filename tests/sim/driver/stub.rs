//! What sqlx's `Database` trait asks of a driver beyond its connection. Statements go through `Any`, so that no value
//! of these types is ever made.

use std::borrow::Cow;
use std::convert::Infallible;
use std::fmt;

use sqlx::{Arguments, Column, ColumnIndex, Connection, Database, Either, Encode, Error, FromRow, IntoArguments, Row};
use sqlx::{SqlStr, Statement, Type, TypeInfo, Value, ValueRef};
use sqlx_core::any::AnyConnectionBackend;
use sqlx_core::query::Query;
use sqlx_core::query_as::QueryAs;
use sqlx_core::query_scalar::QueryScalar;
use sqlx_core::transaction::{Transaction, TransactionManager};

use super::{Result, SimulatedConnection, SimulatedOptions};

/// The driver as sqlx names it.
#[derive(Debug)]
pub struct Simulated;

/// A value that is never made.
#[derive(Debug, Clone, PartialEq)]
pub struct Never(Infallible);

/// Arguments that are never bound.
#[derive(Debug, Default)]
pub struct NoArguments;

/// A result that is never returned.
#[derive(Debug, Default)]
pub struct NoResult;

impl Database for Simulated {
    type Connection = SimulatedConnection;
    type TransactionManager = Self;
    type Row = Never;
    type QueryResult = NoResult;
    type Column = Never;
    type TypeInfo = Never;
    type Value = Never;
    type ValueRef<'r> = Never;
    type Arguments = NoArguments;
    type ArgumentBuffer = ();
    type Statement = Never;
    const NAME: &'static str = "SQLite";
    const URL_SCHEMES: &'static [&'static str] = &["sqlite"];
}

impl Connection for SimulatedConnection {
    type Database = Simulated;
    type Options = SimulatedOptions;

    async fn close(self) -> Result<()> {
        AnyConnectionBackend::close(Box::new(self)).await
    }

    async fn close_hard(self) -> Result<()> {
        AnyConnectionBackend::close_hard(Box::new(self)).await
    }

    fn ping(&mut self) -> impl Future<Output = Result<()>> + Send + '_ {
        AnyConnectionBackend::ping(self)
    }

    fn begin(&mut self) -> impl Future<Output = Result<Transaction<'_, Simulated>>> + Send + '_ {
        Transaction::begin(self, None)
    }

    fn shrink_buffers(&mut self) {
        AnyConnectionBackend::shrink_buffers(self);
    }

    fn flush(&mut self) -> impl Future<Output = Result<()>> + Send + '_ {
        AnyConnectionBackend::flush(self)
    }

    fn should_flush(&self) -> bool {
        AnyConnectionBackend::should_flush(self)
    }
}

impl TransactionManager for Simulated {
    type Database = Self;

    fn begin(
        conn: &mut SimulatedConnection,
        statement: Option<SqlStr>,
    ) -> impl Future<Output = Result<()>> + Send + '_ {
        AnyConnectionBackend::begin(conn, statement)
    }

    fn commit(conn: &mut SimulatedConnection) -> impl Future<Output = Result<()>> + Send + '_ {
        AnyConnectionBackend::commit(conn)
    }

    fn rollback(conn: &mut SimulatedConnection) -> impl Future<Output = Result<()>> + Send + '_ {
        AnyConnectionBackend::rollback(conn)
    }

    fn start_rollback(conn: &mut SimulatedConnection) {
        AnyConnectionBackend::start_rollback(conn);
    }

    fn get_transaction_depth(conn: &SimulatedConnection) -> usize {
        AnyConnectionBackend::get_transaction_depth(conn)
    }
}

impl Extend<NoResult> for NoResult {
    fn extend<T: IntoIterator<Item = NoResult>>(&mut self, _results: T) {}
}

impl fmt::Display for Never {
    fn fmt(&self, _f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {}
    }
}

impl Row for Never {
    type Database = Simulated;

    fn columns(&self) -> &[Never] {
        match self.0 {}
    }

    fn try_get_raw<I: ColumnIndex<Self>>(&self, _index: I) -> Result<Never> {
        match self.0 {}
    }
}

impl Column for Never {
    type Database = Simulated;

    fn ordinal(&self) -> usize {
        match self.0 {}
    }

    fn name(&self) -> &str {
        match self.0 {}
    }

    fn type_info(&self) -> &Never {
        match self.0 {}
    }
}

impl TypeInfo for Never {
    fn is_null(&self) -> bool {
        match self.0 {}
    }

    fn name(&self) -> &str {
        match self.0 {}
    }
}

impl Value for Never {
    type Database = Simulated;

    fn as_ref(&self) -> Never {
        match self.0 {}
    }

    fn type_info(&self) -> Cow<'_, Never> {
        match self.0 {}
    }

    fn is_null(&self) -> bool {
        match self.0 {}
    }
}

impl<'r> ValueRef<'r> for Never {
    type Database = Simulated;

    fn to_owned(&self) -> Never {
        match self.0 {}
    }

    fn type_info(&self) -> Cow<'_, Never> {
        match self.0 {}
    }

    fn is_null(&self) -> bool {
        match self.0 {}
    }
}

impl Arguments for NoArguments {
    type Database = Simulated;

    fn reserve(&mut self, _additional: usize, _size: usize) {}

    fn add<'t, T: Encode<'t, Simulated> + Type<Simulated>>(
        &mut self,
        _value: T,
    ) -> std::result::Result<(), sqlx::error::BoxDynError> {
        Ok(())
    }

    fn len(&self) -> usize {
        0
    }
}

impl IntoArguments<Simulated> for NoArguments {
    fn into_arguments(self) -> NoArguments {
        self
    }
}

impl ColumnIndex<Never> for usize {
    fn index(&self, never: &Never) -> std::result::Result<usize, Error> {
        match never.0 {}
    }
}

impl Statement for Never {
    type Database = Simulated;

    fn into_sql(self) -> SqlStr {
        match self.0 {}
    }

    fn sql(&self) -> &SqlStr {
        match self.0 {}
    }

    fn parameters(&self) -> Option<Either<&[Never], usize>> {
        match self.0 {}
    }

    fn columns(&self) -> &[Never] {
        match self.0 {}
    }

    fn query(&self) -> Query<'_, Simulated, NoArguments> {
        match self.0 {}
    }

    fn query_with<A: IntoArguments<Simulated>>(&self, _arguments: A) -> Query<'_, Simulated, A> {
        match self.0 {}
    }

    fn query_as<O: for<'r> FromRow<'r, Never>>(&self) -> QueryAs<'_, Simulated, O, NoArguments> {
        match self.0 {}
    }

    fn query_as_with<'s, O, A>(&'s self, _arguments: A) -> QueryAs<'s, Simulated, O, A>
    where
        O: for<'r> FromRow<'r, Never>,
        A: IntoArguments<Simulated>,
    {
        match self.0 {}
    }

    fn query_scalar<O>(&self) -> QueryScalar<'_, Simulated, O, NoArguments>
    where
        (O,): for<'r> FromRow<'r, Never>,
    {
        match self.0 {}
    }

    fn query_scalar_with<'s, O, A>(&'s self, _arguments: A) -> QueryScalar<'s, Simulated, O, A>
    where
        (O,): for<'r> FromRow<'r, Never>,
        A: IntoArguments<Simulated>,
    {
        match self.0 {}
    }
}

-- audience/field: what recipients' pages call a field, as a JSON object of languages and texts.
alter table field add column labels text not null default '{}';

-- The keys of contacts that an import added, a row for each slice, so that it can be undone. They name nobody.
create table import_range (
  import_id bigint not null,
  workspace_id bigint not null,
  list_id bigint not null,
  first_contact bigint not null,
  last_contact bigint not null,
  added_at bigint not null,
  primary key (import_id, first_contact)
);

create index import_range_added on import_range (added_at);

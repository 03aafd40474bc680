-- audience/contact: one contact of eight, in an order that depends on nothing that is stored about it, for estimates.
create index contact_sample on contact (workspace_id, (id / 1024 % 1000003 * 48271 % 65521))
  where id / 1024 % 1000003 * 48271 % 65521 < 8192;

-- audience/indexed_field: up to which contact the column is filled or cleared.
alter table indexed_field add column filled_to bigint not null default 0;

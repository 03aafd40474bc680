-- audience/contact: what segments look at, in columns that an index can serve. `reachable` is 1 for who is
-- confirmed on a list and restricted on none, `opened_at` and `clicked_at` tell of the last event of the
-- kind, and which field stands in `text_1` and the others, `facet` knows.
alter table contact add column reachable integer not null default 0;
alter table contact add column opened_at bigint;
alter table contact add column clicked_at bigint;
alter table contact add column text_1 text;
alter table contact add column text_2 text;
alter table contact add column text_3 text;
alter table contact add column text_4 text;
alter table contact add column text_5 text;
alter table contact add column text_6 text;
alter table contact add column text_7 text;
alter table contact add column text_8 text;
alter table contact add column number_1 double precision;
alter table contact add column number_2 double precision;
alter table contact add column number_3 double precision;
alter table contact add column number_4 double precision;
alter table contact add column number_5 double precision;
alter table contact add column number_6 double precision;
alter table contact add column number_7 double precision;
alter table contact add column number_8 double precision;
update contact set reachable = 1
where exists (select 1 from subscription s where s.contact_id = contact.id and s.state = 'confirmed')
and not exists (select 1 from subscription s where s.contact_id = contact.id and s.state = 'restricted');
update contact set opened_at = (select max(e.at) from event e where e.contact_id = contact.id and e.kind = 'open'),
clicked_at = (select max(e.at) from event e where e.contact_id = contact.id and e.kind = 'click')
where exists (select 1 from event e where e.contact_id = contact.id);

-- audience/facet: the fields of a workspace that stand in columns of `contact` of their own.
-- filling, ready, leaving, clearing.
create table facet (
  workspace_id bigint not null,
  place text not null,
  field text not null,
  state text not null,
  pinned integer not null,
  changed_at bigint not null,
  primary key (workspace_id, place)
);
create unique index facet_field on facet (workspace_id, field);

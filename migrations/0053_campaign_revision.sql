-- campaign/revision: what the file of a campaign was after each change. `saved_by` is empty for the command line, and once that
-- user is removed; a run of automatic savings by one person is one row.
create table campaign_revision (
  id bigint primary key,
  campaign_id bigint not null,
  saved_at bigint not null,
  saved_by bigint,
  automatic bigint not null,
  format text not null,
  source text not null
);

create index campaign_revision_campaign on campaign_revision (campaign_id, id);
create index campaign_revision_saved_by on campaign_revision (saved_by);

-- What drafts are now is their first revision.
insert into campaign_revision (id, campaign_id, saved_at, saved_by, automatic, format, source)
select k.id, k.id, k.created_at, null, 0, k.format, t.source
  from campaign k
  join campaign_content t on t.campaign_id = k.id
 where k.launched_at is null;

-- Numbers by day of people who are gone, and of the audience of a campaign at its launch. They name no one.
create table daily_count (
  workspace_id bigint not null,
  list_id bigint not null,
  campaign_id bigint not null,
  day bigint not null,
  kind text not null,
  count bigint not null,
  primary key (workspace_id, list_id, campaign_id, day, kind)
);

create table launch_count (
  campaign_id bigint not null,
  kind text not null,
  name text not null,
  count bigint not null,
  primary key (campaign_id, kind, name)
);

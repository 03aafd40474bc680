-- campaign/policy_notice: the campaigns that announce a new edition of the privacy policy, one for each list. Their deliveries are
-- the log of who was told.
create table policy_notice (
  workspace_id bigint not null,
  edition bigint not null,
  list_id bigint not null,
  campaign_id bigint not null,
  created_at bigint not null,
  primary key (workspace_id, edition, list_id)
);

create index policy_notice_campaign on policy_notice (campaign_id);

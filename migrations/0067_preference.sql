-- audience/preference: how often a contact wants emails, and until when none at all. No row: all emails.
create table preference (
  contact_id bigint primary key,
  workspace_id bigint not null,
  frequency text not null,
  paused_until bigint not null,
  changed_at bigint not null
);

-- audience/list: whether subscribers of other lists of the workspace may join it on their preferences page.
alter table list add column is_public bigint not null default 0;

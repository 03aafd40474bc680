-- campaign/unfinished_draft: what somebody typed into the form of a draft that has a mistake, kept until it is right: the values as
-- JSON, and the mistake.
create table unfinished_draft (
  campaign_id bigint primary key,
  saved_at bigint not null,
  given text not null,
  mistake text not null
);

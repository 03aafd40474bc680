-- privacy/policy: each edition of the policy file that was applied to a workspace. The one with the greatest number counts.
-- `files` are the texts that the file names, `content` is what was read from both.
create table policy (
  id bigint primary key,
  workspace_id bigint not null,
  number bigint not null,
  source text not null,
  files text not null,
  content text not null,
  digest text not null,
  applied_at bigint not null
);

create unique index policy_number on policy (workspace_id, number);

-- audience/list_rule: the purpose of the policy that the list serves, and as JSON what the policy allows on it; null without a
-- policy.
alter table list add column purpose text;
alter table list add column rule text;

-- audience/contact: 1 when the person agreed to be measured, 0 when they refused, null when they said neither.
alter table contact add column measured bigint;

-- audience/workspace: whether opens and clicks of a person who said nothing are recorded: 1 yes, 0 no; 2 counts opens for
-- campaigns and of nobody, 3 records nothing; null without a policy, which records them.
alter table workspace add column measured bigint;

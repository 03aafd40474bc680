-- access/user: the people of the staff, who sign in to the desk. `password` is empty until they have chosen one; `totp_secret`
-- is sealed with the key of the installation; `recovery_codes` is a JSON array of digests.
create table staff_user (
  id bigint primary key,
  email text not null,
  canonical text not null,
  name text not null,
  password text not null,
  administrator bigint not null,
  language text,
  totp_secret bytea,
  totp_step bigint not null,
  recovery_codes text not null,
  code_attempts bigint not null,
  code_attempted_at bigint not null,
  created_at bigint not null,
  last_seen_at bigint
);

create unique index staff_user_canonical on staff_user (canonical);

-- access/membership: what a user is in a workspace. A grant to the support ends at `granted_until`.
create table membership (
  user_id bigint not null,
  workspace_id bigint not null,
  role text not null,
  granted_until bigint,
  created_at bigint not null,
  primary key (user_id, workspace_id)
);

create index membership_workspace on membership (workspace_id);

-- access/session: browsers that are signed in. The token is known to the browser alone; `digest` is its SHA-256.
create table session (
  id bigint primary key,
  digest bytea not null,
  user_id bigint not null,
  created_at bigint not null,
  last_used_at bigint not null,
  expires_at bigint not null,
  user_agent text not null
);

create unique index session_digest on session (digest);
create index session_user_id on session (user_id);

-- access/known_client: browsers that once signed in to an account, for which failures of others do not count.
create table known_client (
  digest bytea not null,
  user_id bigint not null,
  attempts bigint not null,
  attempted_at bigint not null,
  expires_at bigint not null,
  primary key (digest, user_id)
);

create index known_client_user on known_client (user_id);

-- access/staff_invitation: links by which a person joins a workspace.
create table staff_invitation (
  id bigint primary key,
  digest bytea not null,
  workspace_id bigint not null,
  email text not null,
  canonical text not null,
  role text not null,
  granted_until bigint,
  created_at bigint not null,
  expires_at bigint not null
);

create unique index staff_invitation_digest on staff_invitation (digest);
create index staff_invitation_workspace on staff_invitation (workspace_id);

-- access/setup_link: links that work once: to make the first administrator, to choose a password, to sign in to a demo.
create table setup_link (
  digest bytea primary key,
  purpose text not null,
  user_id bigint,
  expires_at bigint not null
);

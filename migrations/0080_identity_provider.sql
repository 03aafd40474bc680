-- access/identity_provider: where the staff may sign in instead of with a password (OpenID Connect); one row at most. The secret
-- is sealed with the key of the installation.
create table identity_provider (
  id bigint primary key,
  issuer text not null,
  client_id text not null,
  secret bytea,
  label text not null,
  changed_at bigint not null
);

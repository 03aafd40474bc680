-- content/picture: pictures of emails. They lie in the database and not in files, so that every machine serves them and a copy of
-- the store has them. `path` is random; `alt` is null until somebody has described the picture, and empty for a decorative one.
create table picture (
  id bigint primary key,
  workspace_id bigint not null,
  path text not null,
  digest text not null,
  name text not null,
  alt text,
  kind text not null,
  width bigint not null,
  height bigint not null,
  size bigint not null,
  added_at bigint not null,
  content bytea not null
);

create unique index picture_path on picture (path);
create unique index picture_digest on picture (workspace_id, digest);

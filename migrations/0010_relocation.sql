-- ground/db/standing: whether this store is in use. No row: it is. A row: its data are being carried
-- elsewhere, live elsewhere, or are still arriving. `place` never holds a password.
create table standing (
  number bigint primary key,
  state text not null,
  place text not null
);

-- relocation/progress: how far each table has come, while data are arriving in this store.
create table carried (
  name text primary key,
  last text not null
);

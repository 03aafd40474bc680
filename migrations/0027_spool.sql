-- Spools: how far a file of waiting lines was processed, and lines that cannot be processed.

-- infra/spool_position: bytes of a spool file whose lines are in the database. The row changes in the same transaction as they
-- do, so that each line is processed once.
create table spool_position (
  file_id bigint primary key,
  position bigint not null
);

-- feedback/set_aside: lines of a spool that cannot be processed. `line` is null when the line is damaged, `reason` is a packed
-- message, `delivery_id` the delivery that the line names.
create table set_aside (
  id bigint primary key,
  queue text not null,
  line text,
  reason text not null,
  delivery_id bigint,
  at bigint not null
);

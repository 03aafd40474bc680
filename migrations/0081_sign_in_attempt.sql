-- access/throttle: attempts to sign in within a period, by a keyed digest of what is counted: an account, a network, a user.
create table sign_in_attempt (
  digest bytea primary key,
  attempts bigint not null,
  since bigint not null
);
create index sign_in_attempt_since on sign_in_attempt (since);

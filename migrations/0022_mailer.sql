-- Mailer: tables and columns are called by what they store, and joined texts become columns or JSON.

-- mailer/limits/rate_account: tokens drawn from each rate limit, of a lane (`relay_id` is 0) or of a relay (`lane` is empty).
-- `next_free_us` is the microsecond of the next free slot, `used` the messages of `day`, `sending_days` the days with messages
-- before it.
create table rate_account (
  workspace_id bigint not null,
  lane text not null,
  relay_id bigint not null,
  next_free_us bigint not null,
  day bigint not null,
  used bigint not null,
  sending_days bigint not null,
  primary key (workspace_id, lane, relay_id)
);
insert into rate_account (workspace_id, lane, relay_id, next_free_us, day, used, sending_days)
  select workspace_id,
         case when gate like 'lane %' then substr(gate, 6) else '' end,
         case when gate like 'relay %' then cast(substr(gate, 7) as bigint) else 0 end,
         free_at, day, spent, days
    from allowance;
drop table allowance;

-- mailer/limits/lane_backoff: back-off of a lane. `reduced_rate` is in messages per second after the last slow-down (0: none),
-- `normal_rate` before the first; `sender_faults` counts the replies of `faults_day` that name a sender fault; `reason` says why
-- the lane is paused.
alter table reception rename to lane_backoff;
alter table lane_backoff rename column pace to reduced_rate;
alter table lane_backoff rename column goal to normal_rate;
alter table lane_backoff rename column strikes to sender_faults;
alter table lane_backoff rename column struck_on to faults_day;

-- mailer/restore_guard: counter of the mailers of a data folder, which shows whether the database was replaced by an older copy.
alter table beat rename to restore_guard;
alter table restore_guard rename column folder to folder_id;

-- mailer/relay: senders are a JSON array; a warm-up is called so.
update relay set senders = case senders
  when '' then '[]'
  else '["' || replace(replace(replace(senders, '\', '\\'), '"', '\"'), ' ', '","') || '"]'
  end;
alter table relay rename column ramp_start to warm_up_start;
alter table relay rename column ramp_growth to warm_up_growth;

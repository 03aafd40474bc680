-- campaign/state: time as people say it, beside the moment that it means. `starts_local` is the wall-clock time that
-- was asked for, in `zone`; the campaign keeps to `starts_at`, whatever becomes of the zone's rules.
-- Nothing leaves from `until_at` on, nor before `holds_until`. A campaign made by a series knows which slot it fills.
alter table campaign add column starts_local text;
alter table campaign add column zone text;
alter table campaign add column until_at bigint;
alter table campaign add column holds_until bigint;
alter table campaign add column series_id bigint;
alter table campaign add column slot text;

-- One campaign a slot, however many mailers look at the clock, and whatever the clock does.
create unique index campaign_slot on campaign (series_id, slot);

-- campaign/series: a draft that becomes a campaign again and again: running, asking or stopped.
-- `seen` is the day of the last slot that was looked at; it says what was missed, not what was made.
create table series (
  id bigint primary key,
  workspace_id bigint not null,
  campaign_id bigint not null,
  state text not null,
  reason text,
  began_at bigint not null,
  seen text not null
);
create unique index series_campaign on series (campaign_id);

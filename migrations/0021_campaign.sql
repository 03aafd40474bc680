-- Campaigns: names that say what is stored, a light campaign row, and columns instead of joined texts.

-- campaign/model/content: the campaign file and what its messages are made from, megabytes that a light row does not carry.
create table campaign_content (
  campaign_id bigint primary key,
  source text not null,
  frozen text
);
insert into campaign_content (campaign_id, source, frozen) select id, source, frozen from campaign;
alter table campaign drop column source;
alter table campaign drop column frozen;

-- campaign/model: what happens to deliveries whose reply was lost, and the day of an occurrence of a series.
alter table campaign rename column fate to uncertain_policy;
alter table campaign rename column slot to occurrence;

-- campaign/series: the day of the last occurrence that was checked.
alter table series rename column seen to checked_day;

-- campaign/erased_counts and campaign/delivery/counts: numbers of erased contacts, and of deliveries by state.
alter table tally rename to erased_count;
alter table progress rename to delivery_count;

-- campaign/delivery: the snapshot of a recipient is two columns, both null or both set. It was the address, a line end and
-- the field values as JSON, which has no line end of its own: what stands before and behind the last line end.
alter table delivery rename column snapshot to snapshot_address;
alter table delivery add column snapshot_fields text;
update delivery
   set snapshot_fields = substr(snapshot_address, length(rtrim(snapshot_address, replace(snapshot_address, '
', ''))) + 1),
       snapshot_address = substr(snapshot_address, 1, length(rtrim(snapshot_address, replace(snapshot_address, '
', ''))) - 1)
 where snapshot_address like '%
%';
update delivery set snapshot_fields = '{}' where snapshot_address is not null and snapshot_fields is null;

-- campaign/lane: domains are a JSON array; a warm-up is called so.
update lane set domains = case domains when '' then '[]' else '["' || replace(domains, ' ', '","') || '"]' end
 where domains is not null;
alter table lane rename column ramp_start to warm_up_start;
alter table lane rename column ramp_growth to warm_up_growth;

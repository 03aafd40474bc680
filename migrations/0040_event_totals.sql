-- All opens and clicks of erased contacts, beside the messages with at least one. Of those erased before, only the latter
-- are known.
insert into erased_count (campaign_id, kind, position, count)
  select campaign_id, 'open_total', position, count from erased_count where kind = 'open';
insert into erased_count (campaign_id, kind, position, count)
  select campaign_id, 'click_total', position, count from erased_count where kind = 'click';

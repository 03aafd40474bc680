-- campaign/state: the keys of a campaign's deliveries are one block, from the first to the last. What looks at all of
-- them walks it, and no index has to name the campaign of each once more.
alter table campaign add column first_delivery bigint;
alter table campaign add column last_delivery bigint;
update campaign set first_delivery = (select min(d.id) from delivery d where d.campaign_id = campaign.id),
last_delivery = (select max(d.id) from delivery d where d.campaign_id = campaign.id);
drop index delivery_campaign;

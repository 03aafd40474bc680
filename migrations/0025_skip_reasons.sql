-- The deliveries for which no message could be made, so that the summary of a campaign counts their reasons
-- without reading all its rows. Those of cancelled and recalled campaigns are not among them.
create index delivery_unmade on delivery (campaign_id, reason)
    where state = 'skipped' and reason <> 'cancelled' and reason <> 'recalled';

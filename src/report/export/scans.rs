//! The tables behind the exports of deliveries, events and subscriptions. Contacts that are restricted on a list are left
//! out: their data is stored and not used.

use super::page::{Counted, ScopeColumn, TableScan};
use super::schema::Kind;

/// Deliveries with their results, and the number and first time of their opens and clicks.
pub const DELIVERIES: TableScan = TableScan {
    kind: Kind::Deliveries,
    table: "delivery",
    select: "
        select w.id, k.name, c.address, w.state, w.reason, w.code, w.reply, w.attempts, w.dated_at, w.changed_at,
               k.id as campaign_id, c.id as contact_id, c.canonical, w.lane,
               case when r.id is null and w.relay_id = 0 then 'main' else r.name end as relay,
               (select cast(count(*) as text) || ' ' || coalesce(cast(min(e.at) as text), '')
                  from event e
                 where e.contact_id = w.contact_id and e.kind = 'open' and e.campaign_id = w.campaign_id) as opens,
               (select cast(count(*) as text) || ' ' || coalesce(cast(min(e.at) as text), '')
                  from event e
                 where e.contact_id = w.contact_id and e.kind = 'click' and e.campaign_id = w.campaign_id) as clicks
          from delivery w
          join campaign k on k.id = w.campaign_id
          join contact c on c.id = w.contact_id
          left join relay r on r.id = w.relay_id
         where {in_scope} and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "name, address, state, reason, code, reply, attempts, dated_at, changed_at, campaign_id, id, contact_id,
            canonical, lane, relay, null, opens, null, clicks, null, null, 1",
    scope: ScopeColumn::Campaign,
    counted: Counted::ByDeliveryCount("planned"),
};

/// Events; a kind that this program does not know keeps its name.
pub const EVENTS: TableScan = TableScan {
    kind: Kind::Events,
    table: "event",
    select: "
        select w.id, k.name, c.address, w.kind, w.position, l.destination, w.at, k.id as campaign_id, w.delivery_id,
               c.id as contact_id
          from event w
          join campaign k on k.id = w.campaign_id
          join contact c on c.id = w.contact_id
          left join link l on l.campaign_id = w.campaign_id and l.position = w.position and w.kind = 'click'
         where {in_scope} and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "name, address, kind, position, destination, at, null, null, campaign_id, id, delivery_id, contact_id, null,
            null, 1",
    scope: ScopeColumn::Campaign,
    counted: Counted::ByIndex,
};

/// Rejected deliveries, as events.
pub const BOUNCES: TableScan = TableScan {
    kind: Kind::Events,
    table: "delivery",
    select: "
        select w.id, k.name, c.address, w.changed_at, w.code, w.reply, k.id as campaign_id, c.id as contact_id
          from delivery w
          join campaign k on k.id = w.campaign_id
          join contact c on c.id = w.contact_id
         where {in_scope} and w.state = 'rejected' and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "name, address, 'bounce', null, null, changed_at, code, reply, campaign_id, null, id, contact_id, null, null, 1",
    scope: ScopeColumn::Campaign,
    counted: Counted::ByDeliveryCount("rejected"),
};

/// Subscriptions: their consent, last open and last click of a message of the list, whether the last final delivery was
/// accepted, and the fields of the contact.
pub const SUBSCRIPTIONS: TableScan = TableScan {
    kind: Kind::Subscriptions,
    table: "subscription",
    select: "
        select w.id, l.name, c.address, w.state, e.basis, e.channel, e.source, e.proof, w.joined_at, e.given_at,
               (select max(o.at)
                  from event o
                  join campaign k on k.id = o.campaign_id
                 where o.contact_id = w.contact_id and o.kind = 'open' and k.list_id = w.list_id) as opened_at,
               (select max(o.at)
                  from event o
                  join campaign k on k.id = o.campaign_id
                 where o.contact_id = w.contact_id and o.kind = 'click' and k.list_id = w.list_id) as clicked_at,
               (select d.state
                  from delivery d
                  join campaign k on k.id = d.campaign_id
                 where d.contact_id = w.contact_id and k.list_id = w.list_id and d.state in ('accepted', 'rejected')
                 order by d.changed_at desc, d.id desc
                 limit 1) as result,
               w.list_id, w.contact_id, c.fields
          from subscription w
          join list l on l.id = w.list_id
          join contact c on c.id = w.contact_id
          left join consent n on n.id = (select max(x.id)
                                           from consent x
                                          where x.contact_id = w.contact_id and x.list_id = w.list_id)
          left join evidence e on e.id = n.evidence_id
         where {in_scope} and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "name, address, state, joined_at, basis, channel, source, proof, given_at,
            case when opened_at is null then 0 else 1 end, opened_at,
            case when clicked_at is null then 0 else 1 end, clicked_at,
            case result when 'accepted' then 'yes' when 'rejected' then 'no' end, list_id, contact_id, fields",
    scope: ScopeColumn::List,
    counted: Counted::ByIndex,
};

/// Subscriptions with the five facts of a mailing processor: address, date, last open, last click, whether the address can be
/// reached.
pub const PROCESSOR: TableScan = TableScan {
    kind: Kind::Processor,
    table: "subscription",
    select: "
        select w.id, c.address, w.joined_at,
               (select max(o.at)
                  from event o
                  join campaign k on k.id = o.campaign_id
                 where o.contact_id = w.contact_id and o.kind = 'open' and k.list_id = w.list_id) as opened_at,
               (select max(o.at)
                  from event o
                  join campaign k on k.id = o.campaign_id
                 where o.contact_id = w.contact_id and o.kind = 'click' and k.list_id = w.list_id) as clicked_at,
               (select d.state
                  from delivery d
                  join campaign k on k.id = d.campaign_id
                 where d.contact_id = w.contact_id and k.list_id = w.list_id and d.state in ('accepted', 'rejected')
                 order by d.changed_at desc, d.id desc
                 limit 1) as result
          from subscription w
          join contact c on c.id = w.contact_id
         where {in_scope} and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "address, joined_at, opened_at, clicked_at, case result when 'accepted' then 'yes' when 'rejected' then 'no' end",
    scope: ScopeColumn::List,
    counted: Counted::ByIndex,
};

/// Contacts and their fields. The lists are read for each page.
pub const PEOPLE: TableScan = TableScan {
    kind: Kind::People,
    table: "contact",
    select: "
        select w.id, w.address, w.reachable, w.created_at, w.updated_at, w.opened_at, w.clicked_at, b.bounced_at,
               w.fields
          from contact w
          left join hard_bounce b on b.contact_id = w.id
         where {in_scope} and w.id > :after and w.id <= :last
         order by w.id
         limit :page",
    cells: "address, null, null,
            case when bounced_at is not null then 'bounced' when reachable = 1 then 'reachable' else 'pending' end,
            created_at, updated_at, opened_at, clicked_at, bounced_at, id, fields",
    scope: ScopeColumn::Contact,
    counted: Counted::ByIndex,
};

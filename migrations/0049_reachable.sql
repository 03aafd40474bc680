-- audience/contact: the contacts that may be mailed, in the order of their keys: segments count them without a jump from row
-- to row, which the order of addresses would be.
create index contact_reachable on contact (workspace_id, reachable);

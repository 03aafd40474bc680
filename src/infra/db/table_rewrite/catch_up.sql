do $do$
declare
    changed_ids bigint[];
begin
    with taken as (
        delete from TABLE_rewrite_changes
         where position in (select position from TABLE_rewrite_changes order by position limit LIMIT)
        returning id
    )
    select array_agg(distinct id) into changed_ids from taken;

    -- The rows are read after the list, so a row that changed since is in the list again.
    delete from TABLE_rewrite where KEY = any(changed_ids);
    insert into TABLE_rewrite (COLUMNS) select COLUMNS from TABLE where KEY = any(changed_ids);
end
$do$;

do $do$
begin
    -- `drop trigger` needs the whole table for itself, so it is asked for only where there is one.
    if exists (select 1 from pg_trigger where tgrelid = cast('TABLE' as regclass) and tgname = 'TABLE_rewrite_insert') then
        drop trigger TABLE_rewrite_insert on TABLE;
        drop trigger TABLE_rewrite_update on TABLE;
        drop trigger TABLE_rewrite_delete on TABLE;
    end if;
    drop function if exists TABLE_rewrite_note();
    drop table if exists TABLE_rewrite_changes;
    drop table if exists TABLE_rewrite;
end
$do$;

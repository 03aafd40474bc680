-- campaign/delivery: what the person had said about measurement when the message was marked: 1 agreed, 0 refused, null neither.
alter table delivery add column measured bigint;

# Indexes of fields and estimated counts.

field-unknown = There is no field “{ $name }”. There are: { $known }. Declare one: sendoff field add NAME TYPE
field-index-full = “{ $name }” cannot be indexed: at most eight text, choice and date fields and eight number and flag fields can have an index, and all are in use. Drop one: sendoff field unindex NAME
field-indexing = Indexing
field-indexed = “{ $name }” is indexed; segments that use it are fast now.
field-unindexed = The index of “{ $name }” is dropped within two hours, unless a segment needs it.
segment-estimate = ≈ { $count } (estimate)

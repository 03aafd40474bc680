# Отчёты и выгрузки.
export-bar = Выгрузка
export-done = { $rows ->
    [0] Выгружать нечего; в { $file } только заголовок.
    [one] В { $file } { $rows } строка.
    [few] В { $file } { $rows } строки.
   *[many] В { $file } { $rows } строк.
}
export-remainder = Ещё { $rows ->
    [one] { $rows } строка считает
    [few] { $rows } строки считают
   *[many] { $rows } строк считают
} удалённых или ограниченных людей, не называя их, чтобы строки сходились со сводкой.
export-next = Чтобы в следующий раз выгрузить только новое: --since { $since }
export-since = «{ $text }» — не время для --since. Укажите время, которое напечатала прошлая выгрузка, например 2026-12-01T09:30:00.000Z.
export-since-kind = Для { $kind } ключ --since не подходит, он только для: { $kinds }. Выгрузите { $kind } целиком.
export-parquet = Эта сборка sendoff не умеет писать Parquet: нужна возможность «parquet» (cargo build --release --features parquet). В CSV и NDJSON те же строки.
export-excel-format = --excel — только для CSV, а не для { $format }. Уберите --excel или укажите --format csv.
excel-separator = ;
rate-decimal-sign = ,
rate-percent = { $number } %
rate-accepted = принято, из запланированных
rate-rejected = отклонено (доля возвратов), из принятых и отклонённых
rate-opens = открыли хотя бы раз, из принятых
rate-clicks = перешли хотя бы раз, из принятых
rate-clicks-of-opens = перешли хотя бы раз, из открытых
rate-unsubscribed = отписались, из принятых
compare-launched = запущена (день, UTC)

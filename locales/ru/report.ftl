# Отчёты и выгрузки.
export-bar = Выгрузка
export-done = { $rows ->
    [0] Выгружать нечего; в { $file } только заголовок.
    [one] В { $file } { $rows } строка.
    [few] В { $file } { $rows } строки.
   *[many] В { $file } { $rows } строк.
}

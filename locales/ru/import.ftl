# Файлы с людьми.
import-missing = При импорте нужно указать, откуда эти люди и чем подтверждается их согласие. Не хватает: { $flags }. Добавьте и повторите.
import-date = «{ $date }» в --date — не дата; пишите 2026-12-31 или 31.12.2026.
import-date-future = День { $date } в --date ещё не наступил. Укажите день, когда эти люди дали согласие.
import-encoding-unknown = Кодировки «{ $encoding }» нет. Подойдут utf-8, utf-16le, utf-16be, windows-1251, koi8-r и другие имена, известные браузерам.
import-empty = Файл { $file } пуст. Проверьте, удалась ли выгрузка.
import-no-rows = В { $file } есть заголовок, но нет ни одной строки под ним; ничего не импортировано. Проверьте, удалась ли выгрузка.
import-binary = { $file } — не текстовый файл. Если это таблица Excel, сначала сохраните её как CSV.
import-line-endless = Строка { $line } в { $file } не кончается и через 1 МиБ: это не таблица, либо там открыта и не закрыта кавычка. Исправьте строку и повторите; ничего не импортировано.
import-header-encoding = Заголовок { $file } не читается в кодировке { $encoding }. Назовите верную через --encoding, например --encoding windows-1251.
import-columns = В заголовке { $count } столбцов, а читается не больше { $limit }. Заголовок ли это и разделены ли столбцы запятой, точкой с запятой или табуляцией?
import-column-unnamed = У столбца { $number } нет имени. Назовите его в заголовке файла или удалите.
import-column-twice = Два столбца называются «{ $column }». Переименуйте один из них в заголовке файла.
import-field-twice = Столбцы «{ $first }» и «{ $second }» заполнили бы одно и то же поле. Пропустите один: --map 'СТОЛБЕЦ=-'
import-no-address = Ни один столбец не похож на адрес почты. Есть: { $known }. Назовите его: --map 'СТОЛБЕЦ=email'
import-map-shape = «{ $given }» в --map не имеет вида СТОЛБЕЦ=ПОЛЕ.
import-map-column = В файле нет столбца «{ $column }», названного в --map. Есть: { $known }.
import-map-field = Поля «{ $field }», названного в --map, нет. Объявите его: sendoff field add { $field } text
import-undeclared = Эти столбцы не объявлены как поля: { $columns }. Ничего не импортировано. Объявите только то, что нужно:
    { $commands }
    или пропустите столбец: --map { $column }
import-rejects-same = { $file } — это сам импортируемый файл; для отклонённых строк нужен другой.
import-contention = Другой процесс всё время меняет тех же людей. Уже импортированное сохранено; запустите импорт ещё раз позже.
import-stopped = Импорт остановлен. Уже импортированное сохранено; запустите ещё раз, чтобы закончить.
import-reading = Чтение
import-merging = Импорт
import-done = { $file } импортирован в список «{ $list }» (прочитан как { $encoding }, { $delimiter }).
import-rehearsed = { $file } в список «{ $list }»: проба, ничего не записано (прочитан как { $encoding }, { $delimiter }).
import-columns-read = Столбцы: { $columns }
import-comma = запятая
import-semicolon = точка с запятой
import-tab = табуляция
import-new = новых
import-updated = обновлено
import-unchanged = без изменений
import-duplicates = повторов в файле
import-tombstoned = ушли раньше и не вернутся
import-invalid = с ошибками
import-rejects-written = Непринятые строки с номером и причиной: { $file }
import-rejects-hint = Чтобы увидеть непринятые строки, повторите с --rejects ФАЙЛ
invalid-too-many-cells = ячеек больше, чем столбцов в заголовке
invalid-cell-long = ячейка длиннее 64 КиБ
invalid-quote-open = кавычка открыта и не закрыта
invalid-encoding = байты, которых нет в кодировке файла
invalid-nul = байт NUL
invalid-duplicate = этот адрес уже есть в строке { $line }

# Команды, настройки, демонстрация и ошибки командной строки.
workspace-name = Рабочей области нужно имя от 1 до { $limit } видимых знаков. Например: sendoff workspace add магазин
init-done = Готово: { $data }. Дальше: sendoff field add first_name text, затем sendoff list add Новости
field-added = Поле «{ $name }» ({ $kind }) объявлено.
field-none = Полей пока нет. Объявите: sendoff field add first_name text
setting-set = { $name } = { $value }
setting-public-url = основной адрес ссылок в письмах, например https://news.example.org
setting-desk-url = адрес рабочего стола, например https://desk.example.org; пусто — его собственный адрес
setting-language = { $languages }
setting-ehlo-name = имя для EHLO, например mail.example.org
setting-unsubscribe-mailbox = ящик для писем об отписке, например leave@example.org
setting-bounce-domain = домен обратных адресов, почта которого приходит сюда, например bounce.example.org; пусто: возвраты получает отправитель
setting-retry-after = секунд до первого повтора отложенного письма
setting-smtp-timers = тайм-ауты SMTP, в процентах от стандартных
setting-relay-patience = через сколько секунд сбоев сервера отправки рассылки ставятся на паузу
key-rotated = Ключ { $id } подписывает новые письма со следующего запуска; ссылки в уже отправленных письмах действуют.
no-installation = В { $data } нет установки, и ничего не создано. Укажите её папку через --data или создайте новую: sendoff init --data { $data }
desk-not-loopback = Адрес { $address } доступен с других машин, а входить пока некому. Запустите один раз на 127.0.0.1, откройте напечатанную ссылку и создайте первого администратора; после этого годится любой адрес. С другой машины: ssh -L 8025:127.0.0.1:8025 ХОСТ
lock-held = Эту папку уже использует другой Sendoff (процесс { $pid }): файл { $file } занят. Остановите его или выберите другую папку через --data.
serve-open = Получателям:  { $public }
    Рабочий стол: { $desk }
    Ящик:         { $desk }/inbox
    Остановка: Ctrl-C.
serve-setup = Дальше:       откройте { $url } и создайте первого администратора; ссылка действует один раз.
serve-mail = Отправка идёт. Остановка: Ctrl-C.
stop-overdue = Остановка заняла слишком много времени и была прервана. Следующий запуск продолжит работу; письма, ответ на которые не успел записаться, попадут в список неопределённых.
serve-stopped = Остановлено. Все данные на диске.
demo-imported = 1  Из examples/contacts.csv импортировано людей: { $count }; отклонено строк: { $rejected }, каждая с причиной.
demo-segment = 2  В сегмент { $expression } вошли { $count } из них.
demo-sent = 3  Рассылка запланировала писем: { $planned }; SMTP-сервер принял: { $accepted }.
demo-answered = 4  Открыто писем: { $opens }, с переходами по ссылкам: { $clicks }.
demo-left = 5  { $address } отписывается одним нажатием. Проверены все таблицы и файлы, следов: { $hits }.
demo-refused = 6  Тот же файл ещё раз: отметки об удалении не пустили адресов: { $count }.
demo-exported = 7  Выгружено доставок: { $rows }, файл { $file }.
demo-done = Готово за { $seconds } с.
demo-open = Рабочий стол, вход уже выполнен: { $url } (ссылка действует один раз). Он открыт на http://{ $desk }. Ctrl-C — остановить и всё удалить.
demo-open-kept = Рабочий стол, вход уже выполнен: { $url } (ссылка действует один раз). Он открыт на http://{ $desk }. Ctrl-C — остановить; всё созданное останется в { $data }.
demo-used = { $data } уже используется, и демонстрация смешала бы своих людей с вашими. Уберите --data и --database или укажите новую папку и пустую базу.
demo-stopped = Демонстрация прервана.
demo-message = Письмо в ящике демонстрации не такое, как ожидалось. Пожалуйста, сообщите об этом.
count-planned = запланировано
count-accepted = принято сервером отправки
count-rejected = отклонено (возвраты)
count-uncertain = не определено: знает только сервер отправки
count-suppressed = не отправлено: получатель отписался или ограничен раньше
count-skipped = пропущено: отменено или письмо не составить
count-pending = ожидает
count-sending = передаются прямо сейчас
count-opens = открыли хотя бы раз (уникальные открытия)
count-opens-total = всего открытий, с повторными
count-clicks = перешли хотя бы раз (уникальные переходы)
count-clicks-total = всего переходов, с повторными
count-unmeasured = открытия и переходы не измеряются (tracking в файле рассылки)
count-unsubscribed = отписались через эту рассылку
usage-hint = { $hint ->
    [no] {""}
   *[yes] {" "}Может быть, { $near }?
} Как писать:
    { $usage }
usage-missing = Не хватает: { $what }.{ usage-hint }
usage-unknown = Здесь нет { $what }.{ usage-hint }
usage-command = Команды { $what } нет.{ $hint ->
    [no] {""}
   *[yes] {" "}Может быть, { $near }?
} Есть: { $known }. Как писать:
    { $usage }
usage-conflict = { $what } здесь стоять не может или стоит дважды.{ usage-hint }
usage-no-value = { $what } требует значения.{ usage-hint }
usage-value = «{ $value }» не подходит для { $what }.{ usage-hint }
usage-unreadable = Команду не удалось разобрать.{ usage-hint }
forbidden = Роли { $role } это действие не разрешено ({ $action }). Обратитесь к владельцу рабочей области.
unknown-option-word = «{ $word }» не подходит для { $option }. Пишите одно из: { $known }.

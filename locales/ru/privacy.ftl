# Списки, права субъектов данных, удаление, поиск следов.
list-added = Список «{ $name }» добавлен. Импортировать людей: sendoff import ФАЙЛ --list "{ $name }" …
list-close-progress = Отписываем людей
list-close-done = { $count ->
    [0] Список «{ $name }» закрыт. В нём никого не было.
    [one] Список «{ $name }» закрыт. Отписан { $count } человек, вернуть его импортом нельзя.
    [few] Список «{ $name }» закрыт. Отписано { $count } человека, вернуть их импортом нельзя.
   *[many] Список «{ $name }» закрыт. Отписано { $count } человек, вернуть их импортом нельзя.
}
list-line = { $name }: подтверждены { $confirmed }, не подтверждены { $pending }, нет ящика { $bounced }, ограничены { $restricted }
list-line-closed = { $name }: закрыт
list-none = Списков пока нет. Создать: sendoff list add ИМЯ
contact-stored = Все хранимые данные:
contact-correct-nothing = Скажите, что исправить: --set ПОЛЕ=ЗНАЧЕНИЕ или --address НОВЫЙ.
contact-correct-pair = «{ $pair }» — не ПОЛЕ=ЗНАЧЕНИЕ. Например: --set city=Казань
contact-correct-field = Поля «{ $name }» нет. Есть: { $known }. Объявить: sendoff field add { $name } ТИП
contact-correct-address = Адрес исправляют через --address, а не через --set email=…
contact-correct-value = { $name }: { $why }. Ничего не изменено.
contact-corrected = Исправлено: { $address }.
contact-erased-before = Адрес { $address } был удалён; вернуться он может, только если владелец подпишется сам. Ничего не изменено.
contact-restricted = Обработка ограничена: { $address } хранится, но не участвует в рассылках, сегментах и выгрузках. Снять: sendoff contact restrict АДРЕС --lift
contact-unrestricted = Ограничение для { $address } снято. Предупредите человека, прежде чем снова ему писать.
contact-unsuppressed = На { $address } снова уходят письма.
contact-not-suppressed = Отправка на { $address } не остановлена; ничего не изменено. Что хранится: sendoff contact show АДРЕС
contact-erased = Удалено всё о { $address }: { $subscriptions ->
    [one] { $subscriptions } подписка
    [few] { $subscriptions } подписки
   *[many] { $subscriptions } подписок
}, { $consents ->
    [one] { $consents } согласие
    [few] { $consents } согласия
   *[many] { $consents } согласий
}, { $deliveries ->
    [one] { $deliveries } отправка
    [few] { $deliveries } отправки
   *[many] { $deliveries } отправок
}, { $events ->
    [one] { $events } событие
    [few] { $events } события
   *[many] { $events } событий
}. Остаются хеш адреса с секретным ключом, чтобы адрес не вернулся с импортом, и итоги прошлых рассылок. Проверить: sendoff trace search АДРЕС
contact-erased-unsearchable = Эти файлы нельзя просмотреть, и в них может остаться упоминание; проверьте или удалите их: { $files }
contact-erased-nobody = Адреса { $address } здесь нет. Впредь он всё равно не будет принят.
scrub-incomplete = В старых журналах базы или в файлах без таблицы ещё могут быть байты удалённых людей: у роли нет права их удалить, их держат архив, реплика либо долгая транзакция, или сервер погиб, перезаписывая таблицу (файлы названы в журнале программы). Нужные права перечислены в docs/privacy.md; затем повторите команду.
scrub-in-background = Байты из файлов и журнала базы сейчас убирает работающий «sendoff serve», обычно за десять секунд.
scrub-scheduled = Строки удалены. Байты из файлов базы уберёт работающий «sendoff serve», не позднее { $time } (настройка erasure-hours); с --now это сделает сама команда.
scrub-unfinished = В файлах или журнале базы ещё могут быть прежние байты. Работу продолжат «sendoff serve», следующее удаление или «sendoff trace search АДРЕС --clean».
trace-address = Это не адрес: { $why }. Пишите name@example.org; ничего не искали.
trace-progress = Поиск
trace-none = Следов { $address } нет: ни в таблицах, ни в файлах и журналах базы, ни в папке данных.
trace-some = { $hits ->
    [one] { $address } найден { $hits } раз:
    [few] { $address } найден { $hits } раза:
   *[many] { $address } найден { $hits } раз:
}
trace-next = Удалить этого человека: sendoff contact erase АДРЕС. Найденное в других файлах папки данных удалите сами.
trace-unreachable = Не проверено, потому что отсюда не читается: { $place }
trace-pending = Байты удалённых людей ещё убираются. Убрать их сейчас и поискать снова: sendoff trace search АДРЕС --clean
trace-again = После уборки:
list-close-ask = Это навсегда сотрёт людей из списка «{ $name }», всего { $count }. Чтобы закрыть список, введите их число:
list-close-number = Закрытие списка «{ $name }» навсегда сотрёт его людей, всего { $count }. Ничего не изменено. Чтобы подтвердить, повторите с --people { $count }
list-close-other-number = В списке «{ $name }» людей { $count }, а названо другое число. Ничего не изменено. Посмотрите «sendoff list ls» и повторите с --people { $count }, если их и надо стереть.
invitation-not-erased = Этот адрес не стирали из списка «{ $list }», звать обратно некого. Импортируйте человека с его согласием или посмотрите на него: sendoff contact show АДРЕС
invitation-subject = Хотите снова получать { $list }?
invitation-text = Вас по ошибке убрали из списка «{ $list }» ({ $sender }), и ваши данные стёрты.

    Если вы хотите снова получать эти письма, откройте страницу и нажмите кнопку:

    { $url }

    Если не хотите, ничего делать не нужно: больше писем не будет. Ссылка действует { $days } дней.
subscription-invited = Приглашение в список «{ $list }» отправлено: { $address }. Адрес останется закрытым, пока его владелец не нажмёт кнопку по ссылке; она действует до { $until }.
contact-copied = Копия — в { $folder }: { $files }. Передайте её только этому человеку, затем удалите.
contact-copy-occupied = В { $folder } уже есть файлы. Назовите пустую или новую папку.

log-line-damaged = { $file }, строка { $line }: строка повреждена
log-line-changed = { $file }, строка { $line }: строку изменили после записи
log-line-missing = { $file }, строка { $line }: строка не продолжает предыдущую — строки удалили, добавили или переставили
log-end-missing = в конце не хватает строк: последняя имеет номер { $newest }, а должна иметь номер { $expected }
log-head-missing = файла { $file } нет или его записала не эта установка, поэтому нельзя проверить, все ли строки в конце на месте
trace-backup-none = { $file }: ничего не найдено.
trace-backup-some = { $file }: найдено { $hits } раз. При восстановлении из этой копии ушедшие после неё удаляются снова; чтобы не стало и самих байтов, удалите копию.
trace-backup-unopened = Копия { $file } не открыта: назовите её в --backup, а её закрытый ключ — в --identity.

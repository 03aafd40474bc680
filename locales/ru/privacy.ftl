# Права людей, удаление, остатки, списки.
list-added = Список «{ $name }» есть. Добавить людей: sendoff import ФАЙЛ --list "{ $name }" …
list-bar = Отпускаем людей
list-ceased = { $count ->
    [0] Список «{ $name }» закрыт. В нём никого не было.
    [one] Список «{ $name }» закрыт. Из него вышел { $count } человек, вернуть его импортом нельзя.
    [few] Список «{ $name }» закрыт. Из него вышли { $count } человека, вернуть их импортом нельзя.
   *[many] Список «{ $name }» закрыт. Из него вышли { $count } человек, вернуть их импортом нельзя.
}
list-line = { $name }: подтверждены { $confirmed }, ещё нет { $pending }, ограничены { $restricted }
list-line-closed = { $name }: закрыт
list-none = Списков пока нет. Создать: sendoff list add ИМЯ
contact-held = Вот всё, что хранится:
contact-correct-nothing = Скажите, что исправить: --set ПОЛЕ=ЗНАЧЕНИЕ или --address НОВЫЙ.
contact-correct-pair = «{ $pair }» — не ПОЛЕ=ЗНАЧЕНИЕ.
contact-correct-field = Поля «{ $name }» нет. Есть: { $known }. Объявить: sendoff field add { $name } ТИП
contact-correct-address = Адрес исправляют через --address, а не через --set email=…
contact-correct-value = { $name }: { $why }. Ничего не изменено.
contact-corrected = Исправлено: { $address }.
contact-erased-before = { $address } раньше удалили; вернуться он может, только если владелец подпишется сам. Ничего не изменено.
contact-restricted = Обработка ограничена: { $address } хранится, но не участвует в рассылках, сегментах и выгрузках. Снять: sendoff contact restrict АДРЕС --lift
contact-unrestricted = Ограничение для { $address } снято. Предупредите человека, прежде чем снова ему писать.
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
}. Остаётся отпечаток с ключом, чтобы адрес не вернулся импортом, и числа прошлых рассылок. Проверить: sendoff residue АДРЕС
contact-erased-nobody = { $address } здесь нет. Впредь этот адрес всё равно не примут.
scrub-incomplete = В старых журналах базы ещё могут лежать байты удалённых людей: роли нельзя их сбросить, или они хранятся для архива, реплики либо долгой транзакции. Что разрешить — в docs/privacy.md; затем повторите команду.
residue-address = Это не адрес: { $why }. Ничего не сделано.
residue-bar = Поиск
residue-none = От { $address } ничего не осталось: ни в таблицах, ни в файлах и журналах базы, ни в папке данных.
residue-some = { $hits ->
    [one] { $address } найден { $hits } раз:
    [few] { $address } найден { $hits } раза:
   *[many] { $address } найден { $hits } раз:
}
residue-next = Удалить этого человека: sendoff contact erase АДРЕС. Что лежит в других файлах папки данных, удалите сами.
residue-unreachable = Не просмотрено, отсюда не прочесть: { $place }

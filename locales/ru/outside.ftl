# Взгляд снаружи: здоровье, журналы, наблюдение.
health-database-unreachable = База данных не отвечает. Просьбы об отписке хранятся на диске, письма не уходят. Проверьте, что база работает и доступна отсюда.
health-database-newer = Более новый Sendoff изменил таблицы. Запустите и здесь ту же версию.
health-lease-lost = Этот отправитель потерял право на отправку и ничего не шлёт. Он пробует снова каждую секунду; если не помогает, проверьте базу и часы.
health-mailer-exited = Отправка прервалась ({ $cause }); попытки повторяются всё реже, но не реже раза в минуту. Подробности в журнале.
health-disk-unreachable = Папка данных не отвечает. Проверьте её диск.
health-disk-full = На диске с папкой данных осталось { $mib } МиБ. Освободите место: скоро будет некуда записать даже отписку.
health-disk-scarce = На диске с папкой данных осталось { $mib } МиБ. Освободите место, пока он не заполнился.
health-unsubscribes-pending = { $count ->
    [one] { $count } просьба об отписке ждёт
    [few] { $count } просьбы об отписке ждут
   *[many] { $count } просьб об отписке ждут
} базу данных; до тех пор письма не уходят.
health-events-pending = Ждут базу данных на диске открытия и переходы: { $count }.
health-events-lost = С запуска потеряны открытия и переходы: { $count }. База не отвечала, а диск был полон.
health-campaigns-halted = { $count ->
    [one] Стоит { $count } рассылка
    [few] Стоят { $count } рассылки
   *[many] Стоят { $count } рассылок
} ({ $causes }). Причина целиком: sendoff campaign ls
health-no-mailer = Письма ждут отправки, а ни один отправитель не работает. Запустите: sendoff serve --role mail
serve-metrics = Метрики и здоровье: http://{ $address }/metrics
workspace-unknown = Рабочей области «{ $name }» нет. Есть: { $known }. Проверьте --workspace и SENDOFF_WORKSPACE или создайте её: sendoff workspace add ИМЯ
workspace-taken = Рабочая область «{ $name }» уже есть. Выберите другое имя или работайте в ней: --workspace { $name }
workspace-added = Рабочая область «{ $name }» создана. Работайте в ней: sendoff --workspace { $name } …
watch-left = Наблюдение закончено, рассылка продолжается.
watch-numbers = принято { $accepted } · отклонено { $rejected } · передаётся { $sending } · ждёт повтора { $deferred }
watch-uncertain = Неизвестна судьба писем: { $count }. Её знает только сервер отправки.
watch-rate = писем в секунду: { $rate }
watch-ends = писем в секунду: { $rate }, конец около { $time }
watch-again = Остальное пока не принято; следующая попытка в { $time }.

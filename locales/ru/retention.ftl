desk-retention = Сроки хранения и закрытие
retention-events = открытия и переходы
retention-deliveries = доставки
retention-contacts = люди без активности
retention-subscriptions = подписки без активности
retention-exports = файлы экспорта
retention-no-policy = У рабочего пространства нет политики, поэтому сроки хранения не заданы. Примените её: sendoff policy apply ФАЙЛ.
    .desk = У рабочего пространства нет политики, поэтому сроки хранения не заданы.
retention-due = Пора удалить строк: { $rows }
retention-due-now = Пора удалить сейчас:
retention-days = { $days ->
    [one] хранятся { $days } день
    [few] хранятся { $days } дня
   *[other] хранятся { $days } дней
  }
retention-runs = Прошлые удаления
retention-progress = Удаление
retention-ran = Удалено строк: { $rows }
retention-what = Что
retention-kept = Срок хранения
retention-number = Число
retention-run-now = Удалить сейчас
retention-nightly = Программа делает это сама каждую ночь, небольшими шагами. Итоговые числа рассылок остаются.
workspace-ended = Договор этого рабочего пространства закончился: данные хранятся, но ничего не отправляется, не измеряется, не экспортируется и не добавляется.
workspace-goes-on = Срок закрытия рабочего пространства не задан.
workspace-end = Закрыть рабочее пространство
workspace-end-what = С этого дня ничего не отправляется, не измеряется и не экспортируется. Позже данные людей удаляются, а ещё позже удаляются резервные копии, в которых они есть.
workspace-end-on = Первый день без отправки (UTC)
workspace-end-erase = Через сколько дней удалить данные людей
workspace-end-backups = Через сколько дней удалить резервные копии
workspace-end-take-back = Не закрывать
workspace-end-day = «{ $text }» — не дата. Пишите так: 2026-12-31.
workspace-end-days = «{ $text }» — не число дней.
workspace-end-terms = Резервные копии должны храниться не меньше, чем до удаления данных, и не дольше, чем { $limit } дней.
workspace-end-erased = Данные людей этого рабочего пространства уже удалены; срок закрытия изменить нельзя.
workspace-end-confirm = Чтобы закрыть рабочее пространство, введите его имя: { $name }.
workspace-will-end = Рабочее пространство закроется { $day }.
workspace-is-blocked = Рабочее пространство закрыто { $day } и заблокировано.
workspace-will-be-erased = Данные людей будут удалены { $day }.
workspace-was-erased = Данные людей удалены { $day }.
workspace-backups-until = Резервные копии, в которых они есть, будут удалены { $day }.
workspace-backups-gone = Резервных копий, в которых они были, не стало { $day }.
workspace-end-type = Чтобы закрыть, введите

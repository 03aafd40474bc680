# Записи о согласии.
consent-day = «{ $day }» — не дата. Напишите так: 2026-10-31.
consent-none = Согласия на «{ $purpose }» нет, отзывать нечего. Есть: { $known }
consent-at = На что был согласен { $address } на { $time } UTC:
consent-line-given = { $purpose } · { $list } · { $basis } · с { $time }
consent-line-withdrawn = { $purpose } · { $list } · отозвано { $time }
consent-line-none = Ни на что.
consent-chain-whole = Ни одна запись о согласии не изменена и не удалена (проверено: { $count }).
consent-chain-broken = Изменены или стоят за изменённой либо удалённой записью: { $count }. Сравните с резервной копией.
consent-withdrawn = { $address }: согласие на «{ $purpose }» отозвано.
consent-withdrawn-left = { $address }: согласие на «{ $purpose }» отозвано, адрес отписан от { $lists }.
consent-withdrawn-erased = { $address }: согласие на «{ $purpose }» отозвано, адрес отписан от { $lists }; других списков нет, данные стёрты.
consent-sealed = { $address }: данные стёрты { $day } ({ $reason }), до этого были согласия:
consent-sealed-line = { $kind } { $time }: { $purpose } · { $list } · { $channel } · источник: { $source } · текст: { $wording } · подтверждение: { $proof }
consent-sealed-none = Запечатанных записей для { $address } нет: адрес здесь не стирали, согласия он не давал или срок хранения записей истёк.
consent-is-contact = { $address } сейчас среди контактов. Посмотреть: sendoff contact consents АДРЕС

desk-consent-proof = Доказать прежнее согласие
desk-consent-proof-what = Когда данные человека стирают, на три года остаётся запечатанная запись о том, на что он соглашался. Открыть её можно только по его адресу.
desk-consent-proof-none = для этого адреса ничего не запечатано.
desk-consent-proof-found = до стирания данных были даны согласия:
desk-consent-proof-contact = Сейчас этот человек среди контактов; записи о согласии — на его странице.
desk-consent-withdrawn = отозвано
desk-consent-purpose = Цель
desk-consent-text = Текст согласия
desk-consent-erased = Данные стёрты
consent-verified = Все записи о согласии есть в журнале (сверено: { $rows }).
consent-verified-not = Сверено записей и подтверждений: { $rows }; журнал этой машины не знает из них { $unknown }.

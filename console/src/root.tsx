// root.tsx - language, who is here, and what follows from it: the sign-in or the console

import { App as Antd, ConfigProvider, Result, Spin } from 'antd';
import en from 'antd/locale/en_US';
import zh from 'antd/locale/zh_CN';
import { useCallback, useEffect, useState } from 'react';

import { call, Refusal, whenStranger } from './api';
import { Console } from './console';
import { type Lang, langNow, langSet, tr } from './lang';
import { Login } from './login';
import type { Session } from './types';

function Inside({ changeLang }: { changeLang: (l: Lang) => void }) {
  const [who, setWho] = useState<Session | null>();       // undefined: not asked yet
  const [error, setError] = useState<Refusal>();
  const look = useCallback(() => {
    setError(undefined);
    call<Session>('GET', '/v1/session').then(setWho, (e: Refusal) => {
      if (e.status === 401) setWho(null);
      else setError(e);
    });
  }, []);

  useEffect(() => {
    whenStranger(() => setWho(null));
    look();
  }, [look]);
  if (error) return <Result status="warning" title={tr('The node does not answer', '节点没有应答')} subTitle={error.text()} />;
  if (who === undefined) return <Spin fullscreen />;
  if (who === null) return <Login onIn={look} changeLang={changeLang} />;
  return <Console who={who} onOut={() => setWho(null)} changeLang={changeLang} />;
}

export function Root() {
  const [lang, setLang] = useState<Lang>(langNow());
  const change = (l: Lang) => {
    langSet(l);
    setLang(l);
  };

  useEffect(() => {
    document.documentElement.lang = lang === 'zh' ? 'zh-CN' : 'en';
  }, [lang]);
  return (
    <ConfigProvider locale={lang === 'zh' ? zh : en} theme={{ zeroRuntime: true }}>
      <Antd>
        <Inside key={lang} changeLang={change} />
      </Antd>
    </ConfigProvider>
  );
}
